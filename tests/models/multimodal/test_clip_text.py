from pathlib import Path

import pytest
import torch
from hostile import evil_checkpoint, flipped, tensor_place

from eva_mm.models.multimodal import CLIPTextTower
from eva_mm.models.multimodal.text_weights import load_text_tower

SIZE = dict(context_length=7, vocab_size=90, width=16, heads=2, layers=2)


def test_tokens_are_those_of_the_release(reference):
    data = reference('clip_tokenizer.json')
    tower = CLIPTextTower(8, width=8, heads=2, layers=1)
    for text, ids, row in zip(data['texts'], data['ids'], tower.tokenize(data['texts'])):
        expected = [data['sot'], *ids, data['eot']]
        if len(expected) > 77:
            expected = [*expected[:76], data['eot']]
        assert row.tolist() == expected + [0] * (77 - len(expected)), text


def _file(tmp_path, embed_dim, prefix='', **changes):
    weights = CLIPTextTower(embed_dim, **{**SIZE, **changes}).state_dict()
    del weights['logit_scale']
    weights = {prefix + name: weight for name, weight in weights.items()}
    torch.save({**weights, 'logit_scale': torch.tensor(4.6), 'visual.proj': torch.ones(2)}, tmp_path / 'clip.pt')
    return weights, str(tmp_path / 'clip.pt')


@pytest.mark.parametrize('prefix', ['', 'text.'])
def test_starts_from_another_clip(tmp_path, prefix):
    weights, path = _file(tmp_path, 8, prefix)
    tower = CLIPTextTower(8, **SIZE, init_cfg=dict(type='Pretrained', checkpoint=path))
    tower.init_weights()
    for name, weight in tower.state_dict().items():
        if name != 'logit_scale':
            torch.testing.assert_close(weight, weights[prefix + name])
    assert tower.logit_scale.exp().item() == pytest.approx(1 / 0.07)


def test_a_torchscript_archive(tmp_path):
    class Archive(torch.nn.Module):
        def __init__(self):
            super().__init__()
            tower = CLIPTextTower(8, **SIZE)
            self.token_embedding, self.ln_final = tower.token_embedding, tower.ln_final
            self.positional_embedding, self.text_projection = tower.positional_embedding, tower.text_projection

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.ln_final(self.token_embedding(x) + self.positional_embedding) @ self.text_projection

    archive = Archive()
    torch.jit.script(archive).save(tmp_path / 'clip.pt')
    tower = CLIPTextTower(8, **SIZE)
    report = load_text_tower(tower, tmp_path / 'clip.pt')
    torch.testing.assert_close(tower.token_embedding.weight, archive.token_embedding.weight)
    assert 'transformer.resblocks.0.ln_1.weight' in report


def test_a_projection_to_other_channels_is_not_taken(tmp_path):
    weights, path = _file(tmp_path, 6)
    tower = CLIPTextTower(8, **SIZE)
    assert 'text_projection' in load_text_tower(tower, path).split('initial values: ')[1]
    torch.testing.assert_close(tower.positional_embedding, weights['positional_embedding'])


def test_a_projection_that_fits_may_be_left_out(tmp_path):
    weights, path = _file(tmp_path, 8)
    tower = CLIPTextTower(8, **SIZE, init_cfg=dict(type='Pretrained', checkpoint=path, projection=False))
    own = tower.text_projection.clone()
    tower.init_weights()
    torch.testing.assert_close(tower.text_projection, own, rtol=0, atol=0)
    torch.testing.assert_close(tower.positional_embedding, weights['positional_embedding'])


def test_another_architecture(tmp_path):
    _, path = _file(tmp_path, 8, width=8)
    with pytest.raises(ValueError, match='has another architecture: .* is .* there, here it is'):
        load_text_tower(CLIPTextTower(8, **SIZE), path)


def test_a_file_without_text(tmp_path):
    torch.save({'blocks.0.norm1.weight': torch.ones(2)}, tmp_path / 'eva.pt')
    with pytest.raises(ValueError, match='holds no text tower'):
        load_text_tower(CLIPTextTower(8, **SIZE), tmp_path / 'eva.pt')


def test_no_file(tmp_path):
    with pytest.raises(FileNotFoundError, match='give a CLIP, or init_cfg=None'):
        load_text_tower(CLIPTextTower(8, **SIZE), tmp_path / 'none.pt')


def test_a_file_that_runs_code_or_is_damaged_is_refused(tmp_path):
    weights, path = _file(tmp_path, 8)
    canary, content = tmp_path / 'canary', Path(path).read_bytes()
    place = tensor_place(content, weights['token_embedding.weight'])
    Path(path).write_bytes(flipped(content, place))
    with pytest.raises(ValueError, match='clip.pt cannot be read .*checksum'):
        load_text_tower(CLIPTextTower(8, **SIZE), path)
    with pytest.raises(ValueError, match='evil.pt .*code'):
        load_text_tower(CLIPTextTower(8, **SIZE), evil_checkpoint(tmp_path / 'evil.pt', canary))
    assert not canary.exists()


@pytest.mark.parametrize('value', [float('nan'), float('inf')])
def test_values_that_no_weight_has_are_named(tmp_path, value):
    weights = CLIPTextTower(8, **SIZE).state_dict()
    weights['ln_final.weight'][3] = value
    torch.save(weights, tmp_path / 'clip.pt')
    with pytest.raises(ValueError, match='clip.pt cannot be used: .*ln_final.weight'):
        load_text_tower(CLIPTextTower(8, **SIZE), tmp_path / 'clip.pt')
    del weights['text_projection'], weights['ln_final.weight']
    torch.save(weights, tmp_path / 'clip.pt')
    assert 'ln_final.weight' in load_text_tower(CLIPTextTower(8, **SIZE), tmp_path / 'clip.pt')
