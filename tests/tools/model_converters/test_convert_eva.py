import json
import runpy
from pathlib import Path

import pytest
import torch

from eva_mm.checkpoint import read_checkpoint
from eva_mm.models.backbones import EVAPretrainViT, EVAViT

ARCH = dict(embed_dims=48, num_layers=2, num_heads=4, feedforward_channels=96)
TOOL = str(Path(__file__).parents[3] / 'tools/model_converters/convert_eva.py')


@pytest.fixture
def convert(monkeypatch, capsys):
    """Run the tool; gives its exit code, output and error output."""

    def run(*arguments):
        monkeypatch.setattr('sys.argv', [TOOL, *map(str, arguments)])
        code = 0
        try:
            runpy.run_path(TOOL, run_name='__main__')
        except SystemExit as stop:
            code = stop.code
        return code, *capsys.readouterr()

    return run


@pytest.fixture
def mim_file(tmp_path):
    head = torch.nn.Linear(48, 24).state_dict(prefix='lm_head.')
    path = tmp_path / 'mim.pt'
    torch.save({'model': {**EVAPretrainViT(arch=ARCH, img_size=56).state_dict(), **head}}, path)
    return path


def test_converts_resizes_and_reports(convert, mim_file, tmp_path):
    dst = tmp_path / 'cls.safetensors'
    code, out, _ = convert(mim_file, dst, '--task', 'classification', '--patch-size', 16, '--img-size', 96)
    assert code == 0
    assert 'mask_token: only masked image modelling' in out
    assert 'backbone.pos_embed: (1, 17, 48) -> (1, 37, 48)' in out
    weights = read_checkpoint(dst)
    assert weights['backbone.patch_embed.proj.weight'].shape == (48, 3, 16, 16)
    assert weights['backbone.pos_embed'].shape == (1, 37, 48)


def test_there_and_back_is_exact(convert, mim_file, tmp_path):
    assert convert(mim_file, tmp_path / 'ours.pth', '--task', 'pretrain')[0] == 0
    assert convert(tmp_path / 'ours.pth', tmp_path / 'back.pt', '--to', 'released')[0] == 0
    before, after = (read_checkpoint(file)['model'] for file in (mim_file, tmp_path / 'back.pt'))
    assert before.keys() == after.keys() and all(torch.equal(before[name], after[name]) for name in before)


def test_open_clip_gets_a_folder(convert, tmp_path):
    pytest.importorskip('open_clip')
    vision = EVAViT(arch=ARCH, img_size=56).state_dict(prefix='visual.')
    torch.save({**vision, 'text.logit_scale': torch.tensor(2.6)}, tmp_path / 'clip.pt')
    assert convert(tmp_path / 'clip.pt', tmp_path / 'teacher', '--to', 'open_clip')[0] == 0
    config = json.loads((tmp_path / 'teacher/open_clip_config.json').read_text())
    assert config['model_cfg']['vision_cfg']['timm_model_name'] == 'eva_giant_patch14_224'
    assert 'visual.trunk.cls_token' in read_checkpoint(tmp_path / 'teacher/open_clip_model.safetensors')


@pytest.mark.parametrize(
    'arguments, message',
    [
        (('{src}', '{tmp}/precious.pth', '--task', 'pretrain'), 'is not overwritten'),
        (('{src}', '{tmp}/x.pth'), 'Say with --task'),
        (('{src}', '{tmp}/x.pth', '--task', 'tracking'), 'choose from pretrain'),
        (('{tmp}/nothing.pt', '{tmp}/x.pth', '--task', 'pretrain'), 'Checkpoint not found'),
        (('{src}', '{tmp}/x.pth', '--task', 'pretrain', '--img-size', '57'), 'cannot be cut into patches of 14'),
        (('{src}', '{tmp}/x.pth', '--to', 'open_clip'), 'cannot be written for open_clip'),
    ],
)
def test_bad_input_is_one_sentence_and_writes_nothing(convert, mim_file, tmp_path, arguments, message):
    (tmp_path / 'precious.pth').write_bytes(b'precious')
    code, _, error = convert(*(text.format(src=mim_file, tmp=tmp_path) for text in arguments))
    assert code == 2 and message in error and error.count('\n') == 1
    assert (tmp_path / 'precious.pth').read_bytes() == b'precious' and not (tmp_path / 'x.pth').exists()
