"""tools/test.py: every EVA checkpoint evaluates, bad ones are one sentence."""

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from PIL import Image

from eva_mm.checkpoint import export_state_dict

ROOT = Path(__file__).parents[2]
CONFIG = 'configs/nano/classification.py'


@pytest.fixture(scope='module')
def world(tmp_path_factory):
    """Ten validation images in ImageNet's layout, and checkpoints of a random model."""
    import mmpretrain.models  # noqa: F401
    from mmpretrain.registry import MODELS

    root = tmp_path_factory.mktemp('world')
    (root / 'imagenet/meta').mkdir(parents=True)
    lines = []
    for label in range(10):
        folder = root / f'imagenet/val/n{label:08d}'
        folder.mkdir(parents=True)
        pixels = np.random.default_rng(label).integers(0, 256, (84, 84, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / 'image.JPEG')
        lines.append(f'n{label:08d}/image.JPEG {label}\n')
    (root / 'imagenet/meta/val.txt').write_text(''.join(lines))
    cfg = Config.fromfile(ROOT / CONFIG)
    cfg.model.backbone.init_cfg = None
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        model = MODELS.build(cfg.model)
        model.init_weights()
    weights = model.state_dict()
    torch.save({'meta': {}, 'state_dict': weights}, root / 'run.pth')
    torch.save({'model': export_state_dict(weights, 'released').state_dict}, root / 'released.pt')
    torch.save({'state_dict': {'layer1.weight': torch.zeros(2, 2)}}, root / 'other.pth')
    (root / 'truncated.pth').write_bytes((root / 'run.pth').read_bytes()[:1000])
    (root / 'text.pth').write_text('no checkpoint')
    return root


def _test(world: Path, checkpoint: str, *arguments: str) -> subprocess.CompletedProcess:
    command = [
        sys.executable, 'tools/test.py', CONFIG, str(world / checkpoint), '--work-dir', str(world / 'run'), *arguments,
        '--cfg-options', f'test_dataloader.dataset.data_root={world / "imagenet"}', 'test_dataloader.num_workers=0',
        'test_dataloader.persistent_workers=False',
    ]  # fmt: skip
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=200, env={**os.environ, 'OMP_NUM_THREADS': '1'}
    )


def test_own_and_released_files_give_the_same_metrics(world):
    metrics = []
    for name in ('run.pth', 'released.pt'):
        done = _test(world, name, '--out', str(world / f'{name}.json'))
        assert done.returncode == 0, done.stderr[-2000:]
        metrics.append(json.loads((world / f'{name}.json').read_text()))
    assert metrics[0] == metrics[1]
    assert metrics[0]['accuracy/top5'] >= metrics[0]['accuracy/top1'] >= 0


@pytest.mark.parametrize(
    'checkpoint, message',
    [
        ('nowhere.pth', 'Checkpoint not found'),
        ('truncated.pth', 'it is truncated or damaged'),
        ('text.pth', 'text.pth is a text, not a checkpoint'),
        ('other.pth', 'is not of an EVA model'),
    ],
)
def test_a_bad_checkpoint_is_one_sentence(world, checkpoint, message):
    done = _test(world, checkpoint)
    assert done.returncode == 2
    assert message in done.stderr.splitlines()[-1]
    assert 'Traceback' not in done.stderr


class _Opens:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), 'w')


def test_a_pickle_that_would_run_code_is_refused(world):
    victim = world / 'written_by_the_pickle'
    (world / 'evil.pth').write_bytes(pickle.dumps({'state_dict': _Opens(victim)}))
    done = _test(world, 'evil.pth')
    assert done.returncode == 2
    assert 'can run code' in done.stderr.splitlines()[-1]
    assert not victim.exists()
