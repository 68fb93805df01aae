import os
import pickle
import subprocess
import sys
from argparse import Namespace
from pathlib import Path
from types import ModuleType

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from eva_mm.checkpoint import load_model, load_pretrained, read_checkpoint
from eva_mm.models.backbones import EVAPretrainViT, EVAViT

ROOT = Path(__file__).parents[2]


class Bomb:
    """An object whose unpickling runs code."""

    def __reduce__(self):
        return os.mkdir, ('should-not-exist',)


@pytest.fixture
def mim_file(family, tmp_path):
    path = tmp_path / 'eva_psz14.pt'
    torch.save({'model': family('mim')}, path)
    return path


def test_formats(family, tmp_path):
    weights = family('classifier')
    torch.save({'model': weights}, tmp_path / 'new.pt')
    torch.save({'model': weights}, tmp_path / 'old.pt', _use_new_zipfile_serialization=False)
    save_file(weights, tmp_path / 'weights.safetensors')
    for name in ('new.pt', 'old.pt'):
        assert torch.equal(read_checkpoint(tmp_path / name)['model']['head.bias'], weights['head.bias'])
    assert torch.equal(read_checkpoint(tmp_path / 'weights.safetensors')['head.bias'], weights['head.bias'])


@pytest.mark.parametrize('zipped', [True, False])
def test_code_in_a_pickle_is_refused_and_not_run(tmp_path, monkeypatch, zipped):
    monkeypatch.chdir(tmp_path)
    torch.save({'model': Bomb()}, 'evil.pt', _use_new_zipfile_serialization=zipped)
    with pytest.raises(ValueError, match='evil.pt is refused: besides tensors it holds Python objects'):
        read_checkpoint('evil.pt')
    with open('plain.pkl', 'wb') as file:
        pickle.dump(Bomb(), file, protocol=2)
    with pytest.raises(ValueError, match='plain.pkl is refused'):
        read_checkpoint('plain.pkl')
    assert not os.path.exists('should-not-exist')


def test_a_checkpoint_of_a_runner_is_read_by_a_script_that_imports_no_runner(tmp_path):
    from mmengine.logging import HistoryBuffer

    path = tmp_path / 'epoch_1.pth'
    torch.save({'state_dict': {'a': torch.ones(2)}, 'message_hub': {'log': HistoryBuffer([1.0], [1])}}, path)
    script = f"from eva_mm.checkpoint import read_checkpoint as r; print(r({str(path)!r})['state_dict']['a'].sum())"
    done = subprocess.run([sys.executable, '-c', script], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.endswith('tensor(2.)\n'), done.stderr


def test_settings_beside_the_weights_are_read_as_inert_data(tmp_path, monkeypatch):
    """The release keeps argparse and yacs objects in its linear-probe and video files."""
    yacs = ModuleType('yacs.config')
    yacs.CfgNode = type('CfgNode', (dict,), {'__module__': 'yacs.config', '__qualname__': 'CfgNode'})
    monkeypatch.setitem(sys.modules, 'yacs', ModuleType('yacs'))
    monkeypatch.setitem(sys.modules, 'yacs.config', yacs)
    settings = yacs.CfgNode(DATA=yacs.CfgNode(FRAMES=16))
    settings.immutable = True
    torch.save({'model': {'w': torch.ones(2)}, 'config': settings, 'args': Namespace(lr=0.1)}, tmp_path / 'video.pth')
    checkpoint = read_checkpoint(tmp_path / 'video.pth')
    assert torch.equal(checkpoint['model']['w'], torch.ones(2))
    assert checkpoint['config']['DATA']['FRAMES'] == 16
    assert type(checkpoint['args']) is not Namespace and checkpoint['args'].state == {'lr': 0.1}


def test_unreadable_files(mim_file, tmp_path):
    whole = mim_file.read_bytes()
    cases = {
        'half.pt': (whole[: len(whole) // 2], 'cannot be read .* truncated or'),
        'text.pt': (b'hello world', 'is a text, not a checkpoint'),
        'empty.pt': (b'', 'is empty'),
        'x.safetensors': (b'xx', 'cannot be read .* truncated or'),
    }
    for name, (content, message) in cases.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match=f'{name} {message}'):
            read_checkpoint(tmp_path / name)
    with pytest.raises(FileNotFoundError, match='Checkpoint not found: .*missing.pt'):
        read_checkpoint(tmp_path / 'missing.pt')
    with pytest.raises(ValueError, match='is a directory; pass a file'):
        read_checkpoint(tmp_path)
    torch.save([1, 2], tmp_path / 'list.pt')
    with pytest.raises(ValueError, match='holds a list, expected a dict'):
        read_checkpoint(tmp_path / 'list.pt')


def test_init_cfg_takes_any_file_resized(mim_file, small_arch):
    backbone = EVAViT(
        arch=small_arch,
        img_size=96,
        patch_size=16,
        out_type='avg_featmap',
        init_cfg=dict(type='Pretrained', checkpoint=str(mim_file)),
    )
    backbone.init_weights()
    weights = read_checkpoint(mim_file)['model']
    assert torch.equal(backbone.blocks[1].attn.q_bias, weights['blocks.1.attn.q_bias'])
    assert backbone.pos_embed.shape == (1, 37, 48) and torch.equal(backbone.pos_embed[:, 0], weights['pos_embed'][:, 0])
    assert torch.equal(backbone.fc_norm.weight, torch.ones(48))
    assert backbone.is_init


def test_init_cfg_of_pretraining_continues_it(mim_file, small_arch):
    backbone = EVAPretrainViT(arch=small_arch, img_size=56, init_cfg=dict(type='Pretrained', checkpoint=str(mim_file)))
    backbone.init_weights()
    weights = read_checkpoint(mim_file)['model']
    assert torch.equal(backbone.mask_token, weights['mask_token'])
    assert torch.equal(backbone.norm.bias, weights['norm.bias'])


def test_missing_weights_are_an_error_unless_not_strict(mim_file, small_arch):
    deeper = EVAViT(arch={**small_arch, 'num_layers': 3}, img_size=56)
    with pytest.raises(ValueError, match=r'lacks 13 weights of the EVAViT: .*blocks\.\*\.norm1\.weight'):
        load_pretrained(deeper, mim_file)
    before = deeper.blocks[2].mlp.fc1.weight.clone()
    report = load_pretrained(deeper, mim_file, strict=False)
    assert len(report.missing) == 13
    assert torch.equal(deeper.blocks[2].mlp.fc1.weight, before)
    assert torch.equal(deeper.cls_token, read_checkpoint(mim_file)['model']['cls_token'])


def test_surplus_blocks_are_an_error(mim_file, small_arch):
    shallower = EVAViT(arch={**small_arch, 'num_layers': 1}, img_size=56)
    with pytest.raises(ValueError, match='holds 13 weights that the EVAViT has no place for'):
        load_pretrained(shallower, mim_file)


def test_unknown_options_of_init_cfg_are_refused(mim_file, small_arch):
    backbone = EVAViT(
        arch=small_arch, img_size=56, init_cfg=dict(type='Pretrained', checkpoint=str(mim_file), strickt=False)
    )
    with pytest.raises(TypeError, match='strickt'):
        backbone.init_weights()


def test_whole_model(family, small_arch, tmp_path):
    torch.save({'model': family('classifier')}, tmp_path / 'cls.pt')
    model = nn.Module()
    model.backbone = EVAViT(arch=small_arch, img_size=(56, 84), out_type='avg_featmap')
    model.head = nn.Module()
    model.head.fc = nn.Linear(48, 11)
    report = load_model(model, tmp_path / 'cls.pt', 'classification')
    assert torch.equal(model.head.fc.bias, read_checkpoint(tmp_path / 'cls.pt')['model']['head.bias'])
    assert not report.fresh and report.resized.keys() == {'backbone.pos_embed'}
