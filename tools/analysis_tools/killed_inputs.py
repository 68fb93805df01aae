"""What a nano run of any task needs for a few dozen iterations: a small world, a random teacher, options."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import open_clip
import torch
from mmengine.config import Config
from mmengine.runner import IterBasedTrainLoop

ROOT = Path(__file__).parents[2]
ITERATIONS_PER_EPOCH = 12
GLOBAL_BATCH = 8
_TEACHER_FOLDER = 'local-dir:'


def _make_teacher(folder: Path) -> None:
    config = dict(
        embed_dim=64,
        vision_cfg=dict(image_size=84, layers=1, width=32, head_width=16, patch_size=14),
        text_cfg=dict(context_length=8, vocab_size=64, width=16, heads=2, layers=1),
    )
    folder.mkdir(parents=True)
    (folder / 'open_clip_config.json').write_text(json.dumps({'model_cfg': config, 'preprocess_cfg': {}}))
    torch.manual_seed(0)
    torch.save(open_clip.CLIP(**config).state_dict(), folder / 'open_clip_pytorch_model.bin')


def _missing_starts(part: object, where: str) -> Iterator[str]:
    """Keys of a model that name weights to start from."""
    for name, value in part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ():
        if name in ('init_cfg', 'start_from') and isinstance(value, dict) and 'checkpoint' in value:
            yield f'{where}.{name}'
        else:
            yield from _missing_starts(value, f'{where}.{name}')


def enter_inputs(folder: Path, config: str, processes: int, epochs: int, save_every: int) -> list[str]:
    """Make the inputs of a nano config, change to their folder, and return the options of a short run.

    Args:
        folder: A new folder.
        config: The config.
        processes: Ranks, which share a batch of 8.
        epochs: Of 12 iterations.
        save_every: Iterations between checkpoints.
    """
    script = ROOT / 'projects/nano_world/make_nano_data.py'
    world = folder / 'data/nano'
    world.parent.mkdir(parents=True)
    subprocess.run(
        [sys.executable, script, world, '--scale', '0.1', '--jobs', '1'], check=True, stdout=subprocess.DEVNULL
    )
    cfg = Config.fromfile(config)
    options = [
        f'train_dataloader.batch_size={GLOBAL_BATCH // processes}',
        'default_hooks.checkpoint.by_epoch=False',
        f'default_hooks.checkpoint.interval={save_every}',
        'val_cfg=None',
        'val_dataloader=None',
        'val_evaluator=None',
        *(f'{key}=None' for key in _missing_starts(cfg.model, 'model')),
    ]
    if 'target_generator' in cfg.model:
        _make_teacher(folder / cfg.model.target_generator.model.removeprefix(_TEACHER_FOLDER))
        options.append('model.backbone.drop_path_rate=0.1')
    iterations = epochs * ITERATIONS_PER_EPOCH
    counts_iterations = 'max_iters' in cfg.train_cfg or cfg.train_cfg.get('type') == IterBasedTrainLoop.__name__
    options.append(f'train_cfg.max_iters={iterations}' if counts_iterations else f'train_cfg.max_epochs={epochs}')
    if not counts_iterations:
        options += _first_samples(cfg, world)
    os.chdir(folder)
    return options


def _first_samples(cfg: Config, world: Path) -> list[str]:
    """Options that leave as many samples as an epoch shall have."""
    samples = ITERATIONS_PER_EPOCH * GLOBAL_BATCH
    if cfg.train_dataloader.dataset.type != 'eva_mm.MergedImages':
        return [f'train_dataloader.dataset.indices={samples}']
    (world / 'few').mkdir()
    for image in sorted((world / 'unlabelled').glob('*'))[:samples]:
        shutil.copy(image, world / 'few')
    return ['train_dataloader.dataset.data_root=data/nano/few', 'train_dataloader.dataset.sources=None']
