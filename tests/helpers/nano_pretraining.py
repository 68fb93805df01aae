"""A nano pre-training on noise that starts anywhere: images, a random teacher, and the options that name them."""

import json
from pathlib import Path

import numpy as np
import open_clip
import torch
from PIL import Image

ROOT = Path(__file__).parents[2]


def make_inputs(folder: Path, images: int) -> list[str]:
    """Write noise images and a random teacher of the nano size; returns options of configs/nano/pretrain*.py."""
    (folder / 'images').mkdir(parents=True)
    generator = np.random.default_rng(0)
    for index in range(images):
        pixels = generator.integers(0, 256, (84, 84, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f'images/{index}.png')
    config = dict(
        embed_dim=64,
        vision_cfg=dict(image_size=84, layers=1, width=32, head_width=16, patch_size=14),
        text_cfg=dict(context_length=8, vocab_size=64, width=16, heads=2, layers=1),
    )
    (folder / 'clip').mkdir()
    (folder / 'clip/open_clip_config.json').write_text(json.dumps({'model_cfg': config, 'preprocess_cfg': {}}))
    torch.save(open_clip.CLIP(**config).state_dict(), folder / 'clip/open_clip_pytorch_model.bin')
    return [
        f'model.target_generator.model=local-dir:{folder / "clip"}',
        f'train_dataloader.dataset.data_root={folder / "images"}',
        'train_dataloader.num_workers=0',
        'train_dataloader.persistent_workers=False',
        'val_cfg=None',
        'val_dataloader=None',
        'val_evaluator=None',
    ]


def logged_iterations(work_dir: Path) -> list[int]:
    """Numbers of the iterations whose loss any log of a run has, in order."""
    logs = sorted(work_dir.glob('*/vis_data/scalars.json')) or sorted(work_dir.glob('*/vis_data/*.json'))
    rows = [json.loads(line) for log in logs for line in log.read_text().splitlines()]
    return [row['step'] for row in rows if 'loss' in row]
