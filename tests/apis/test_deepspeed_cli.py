"""ZeRO-1 on two CPU processes through tools/train.py: stopped half-way and resumed, the losses are the same."""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import open_clip
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import MODELS, DefaultScope
from PIL import Image

from eva_mm.apis.weights import load_weights, open_weights

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(importlib.util.find_spec('deepspeed') is None, reason='deepspeed is not installed')


@pytest.fixture(scope='module')
def world(tmp_path_factory):
    """A folder with noise images and a random teacher of the nano size."""
    root = tmp_path_factory.mktemp('world')
    (root / 'images').mkdir()
    generator = np.random.default_rng(0)
    for index in range(16):
        Image.fromarray(generator.integers(0, 256, (84, 84, 3), dtype=np.uint8)).save(root / f'images/{index}.png')
    config = dict(
        embed_dim=64,
        vision_cfg=dict(image_size=84, layers=1, width=32, head_width=16, patch_size=14),
        text_cfg=dict(context_length=8, vocab_size=64, width=16, heads=2, layers=1),
    )
    (root / 'clip').mkdir()
    (root / 'clip/open_clip_config.json').write_text(json.dumps({'model_cfg': config, 'preprocess_cfg': {}}))
    torch.save(open_clip.CLIP(**config).state_dict(), root / 'clip/open_clip_pytorch_model.bin')
    return root


def _losses(world: Path, work_dir: Path, *arguments: str) -> list[tuple[str, str]]:
    options = [
        f'model.target_generator.model=local-dir:{world / "clip"}',
        f'train_dataloader.dataset.data_root={world / "images"}',
        'train_dataloader.batch_size=4',
        'model.backbone.drop_path_rate=0.1',
        'default_hooks.logger.interval=1',
        'default_hooks.checkpoint.max_keep_ckpts=-1',
        'train_cfg.max_epochs=2',
        'train_cfg.val_interval=10',
        'val_cfg=None',
        'val_dataloader=None',
        'val_evaluator=None',
    ]
    command = [
        sys.executable, '-m', 'torch.distributed.run', '--nproc_per_node=2', '--rdzv-backend=c10d',
        '--rdzv-endpoint=localhost:0', 'tools/train.py', 'configs/nano/pretrain_deepspeed.py', '--launcher', 'pytorch',
        '--seed', '0', '--work-dir', str(work_dir), *arguments, '--cfg-options', *options,
    ]  # fmt: skip
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=300, env={**os.environ, 'OMP_NUM_THREADS': '1'}
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return re.findall(r'Epoch\(train\) (\[\d\]\[\d/\d\]).*?loss: (-?[\d.]+)', done.stdout + done.stderr)


def _check_directory(world: Path, directory: Path) -> None:
    """Its weights start a plain model as those of a file do, and a model that they do not fit is refused."""
    cfg = Config.fromfile(ROOT / 'configs/nano/pretrain.py')
    cfg.model.target_generator.model = f'local-dir:{world / "clip"}'
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        model = MODELS.build(cfg.model)
        cfg.model.backbone.arch = 'tiny'
        other = MODELS.build(cfg.model)
    checkpoint = open_weights(directory)
    load_weights(model, checkpoint)
    name = 'backbone.blocks.1.attn.proj.weight'
    assert torch.equal(model.state_dict()[name], checkpoint.weights[name])
    with pytest.raises(ValueError, match='another model|lacks'):
        load_weights(other, checkpoint)


def test_resumed_losses_equal_the_uninterrupted_ones(world, tmp_path):
    whole = _losses(world, tmp_path / 'whole')
    assert [step for step, _ in whole] == ['[1][1/2]', '[1][2/2]', '[2][1/2]', '[2][2/2]']
    _check_directory(world, tmp_path / 'whole/epoch_2.pth')
    stopped = tmp_path / 'stopped'
    stopped.mkdir()
    # what a run leaves that was stopped after its first epoch
    shutil.copytree(tmp_path / 'whole/epoch_1.pth', stopped / 'epoch_1.pth')
    (stopped / 'last_checkpoint').write_text(str(stopped / 'epoch_1.pth'))
    assert _losses(world, stopped, '--resume') == whole[2:]
