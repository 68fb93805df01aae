"""The command line of tools/train.py: bad input is one sentence and exit code 2, and nothing is overwritten."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NANO = 'configs/nano/pretrain.py'


def _train(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, 'tools/train.py', *arguments], cwd=ROOT, capture_output=True, text=True, timeout=120
    )


@pytest.mark.parametrize(
    'arguments, message',
    [
        (['configs/nowhere.py'], 'Config not found: configs/nowhere.py'),
        (['README.md'], 'README.md is not a Python config'),
        ([NANO, '--cfg-options', 'trian_cfg.max_epochs=1'], "no key 'trian_cfg'"),
        ([NANO, '--cfg-options', 'train_cfg.max_epochs'], 'expected KEY=VALUE'),
        (
            [NANO, '--cfg-options', 'train_dataloader.dataset.data_root=no/such/folder'],
            "The data folder 'no/such/folder' of train_dataloader.dataset does not exist",
        ),
        ([NANO, '--load-from', 'no_such.pth'], '--load-from: checkpoint not found: no_such.pth'),
        ([NANO, '--resume', 'no_such.pth'], '--resume: checkpoint not found: no_such.pth'),
    ],
)
def test_bad_input_is_one_sentence(arguments, message):
    done = _train(*arguments)
    assert done.returncode == 2
    lines = [line for line in done.stderr.splitlines() if line.startswith('error: ')]
    assert len(lines) == 1 and message in lines[0]
    assert 'Traceback' not in done.stderr


@pytest.fixture
def folders(tmp_path):
    """Empty data folders, so that what comes after the check of folders is reached."""
    (tmp_path / 'images').mkdir()
    root = f'train_dataloader.dataset.data_root={tmp_path / "images"}'
    return [root, 'val_dataloader=None', 'val_cfg=None', 'val_evaluator=None']


@pytest.mark.parametrize(
    'option, message',
    [
        ('model.backbone.arch=huge', "arch='huge' is unknown: choose from nano"),
        ('model.backbone.img_size=90', 'must be divisible by patch_size=(14, 14)'),
        ('model.target_generator.model=ViT-L-15', "open_clip knows no model 'ViT-L-15'"),
        ('train_cfg.max_epoch=1', "unexpected keyword argument 'max_epoch'"),
        ('train_dataloader.dataset.with_labels=1', "unexpected keyword argument 'with_labels'"),
    ],
)
def test_a_wrong_value_is_one_sentence(folders, tmp_path, option, message):
    done = _train(NANO, '--work-dir', str(tmp_path / 'run'), '--cfg-options', *folders, option)
    assert done.returncode == 2
    assert message in done.stderr.splitlines()[-1]
    assert 'Traceback' not in done.stderr


def test_traceback_on_request(monkeypatch):
    monkeypatch.setenv('EVA_MM_TRACEBACK', '1')
    assert 'Traceback' in _train('configs/nowhere.py').stderr
