"""One wrong bit, one NaN, one integer: found by every loader of weights, in every format that we write."""

import pytest
import torch
from hostile import flipped, saved, served, tensor_place

from eva_mm.apis import get_model
from eva_mm.apis.publish import publish
from eva_mm.apis.weights import load_weights
from eva_mm.checkpoint import Checkpoint, load_model, load_pretrained, read_checkpoint
from eva_mm.checkpoint.average import average_checkpoints
from eva_mm.checkpoint.save import write_weights
from eva_mm.models.backbones import EVAViT

ARCH = dict(embed_dims=8, num_layers=2, num_heads=2, feedforward_channels=16)
NAME = 'blocks.1.mlp.fc1.weight'


def backbone(**options):
    return EVAViT(arch=ARCH, img_size=28, patch_size=14, **options)


@pytest.fixture
def weights():
    built = backbone()
    built.init_weights()
    return {name: tensor.clone() for name, tensor in built.state_dict().items()}


class Whole(torch.nn.Module):
    """A model that has the backbone alone."""

    def __init__(self):
        super().__init__()
        self.backbone = backbone()


def _load_model(path):
    load_model(Whole(), path, 'classification', strict=False)


LOADERS = {
    'read_checkpoint': read_checkpoint,
    'load_pretrained': lambda path: load_pretrained(backbone(), path),
    'mapped': lambda path: load_pretrained(backbone(), path, mapped=True),
    'init_cfg': lambda path: backbone(init_cfg=dict(type='Pretrained', checkpoint=str(path))).init_weights(),
    'load_model': _load_model,
    'load_weights': lambda path: load_weights(backbone(), path),
    'get_model': lambda path: get_model('nano/classification', path),
    'average': lambda path: average_checkpoints([path, path]),
    'publish': lambda path: publish(path, path.with_name('out.pth')),
}
VALUES = {name: loader for name, loader in LOADERS.items() if name != 'read_checkpoint'}


@pytest.mark.parametrize('suffix', ['.pth', '.safetensors'])
@pytest.mark.parametrize('loader', LOADERS)
def test_one_wrong_bit_is_found_by_every_loader(loader, suffix, weights, tmp_path):
    path = write_weights(weights, tmp_path / f'x{suffix}')
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(flipped(content, tensor_place(content, weights[NAME]), 2))
    with pytest.raises(ValueError, match='the checksum of .* is wrong|its checksum is wrong'):
        LOADERS[loader](path)


@pytest.mark.parametrize('loader', VALUES)
@pytest.mark.parametrize('value', [float('nan'), float('inf')])
def test_values_that_are_not_finite_are_named_by_every_loader(loader, value, weights, tmp_path):
    weights[NAME][3, 2] = value
    path = write_weights(weights, tmp_path / 'x.pth')
    with pytest.raises(ValueError, match=f'1 weights hold NaN or infinite values: .*{NAME}'):
        VALUES[loader](path)


@pytest.mark.parametrize(
    'dtype, kind', [(torch.int64, 'integers'), (torch.complex64, 'complex numbers'), (torch.bool, 'integers')]
)
@pytest.mark.parametrize('loader', ['load_pretrained', 'init_cfg', 'load_model', 'load_weights'])
def test_integers_and_complex_numbers_are_named_where_floats_belong(loader, dtype, kind, weights, tmp_path):
    weights[NAME] = weights[NAME].to(dtype)
    path = write_weights(weights, tmp_path / 'x.pth')
    with pytest.raises(ValueError, match=f'{kind} where floating-point numbers belong: .*{NAME}'):
        VALUES[loader](path)


def test_positions_of_integers_are_not_resized(weights, tmp_path):
    weights['pos_embed'] = torch.ones(1, 10, 8, dtype=torch.int64)
    with pytest.raises(ValueError, match='integers where floating-point numbers belong: .*pos_embed'):
        load_pretrained(backbone(), write_weights(weights, tmp_path / 'x.pth'))


def test_a_file_is_opened_once_and_passed_on(weights, tmp_path):
    notes = {'meta': {'cfg': 'a = 1', 'dataset_meta': {'b': 2}}}
    path = write_weights(weights, tmp_path / 'x.pth', 'state_dict', notes)
    opened = Checkpoint.open(path)
    path.unlink()
    assert Checkpoint.open(opened) is opened
    report = load_pretrained(backbone(), opened)
    assert len(report.loaded) == len(weights) and opened.config == 'a = 1' and opened.dataset_meta == {'b': 2}


@pytest.mark.parametrize('meta', [None, 5, [], {'cfg': 5, 'dataset_meta': [1]}])
def test_absurd_notes_are_no_notes(meta, tmp_path):
    torch.save({'state_dict': {'w': torch.ones(1)}, 'meta': meta}, tmp_path / 'x.pth')
    opened = Checkpoint.open(tmp_path / 'x.pth')
    assert opened.config == '' and opened.dataset_meta == {}


def test_addresses_of_one_file_name_do_not_replace_each_other(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, '_hub_dir', str(tmp_path))
    with served({'a/m.pth': saved({'w': torch.ones(1)}), 'b/m.pth': saved({'w': torch.zeros(1)})}) as address:
        read = [read_checkpoint(f'{address}/{name}/m.pth')['w'].item() for name in 'abab']
        assert read == [1, 0, 1, 0]
        with pytest.raises(OSError, match='c/m.pth cannot be fetched: .*404'):
            read_checkpoint(f'{address}/c/m.pth')


def test_names_of_weights_are_printed_without_control_characters(weights, tmp_path):
    weights['x\x1b[2J\ry'] = torch.ones(1)
    path = write_weights(weights, tmp_path / 'x.pth')
    with pytest.raises(ValueError) as caught:
        load_pretrained(backbone(), path)
    assert '\x1b' not in str(caught.value) and '\\x1b[2J\\ry' in str(caught.value)
    assert '\x1b' not in str(load_pretrained(backbone(), path, strict=False))
