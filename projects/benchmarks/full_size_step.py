"""Run full-size pre-training steps on a CPU through tools/train.py and report their peak memory.

    python projects/benchmarks/full_size_step.py                  # EVA-g, batch 2, plain fp32
    python projects/benchmarks/full_size_step.py --deepspeed      # ZeRO-1 and bf16 as on a GPU

The teacher has the real architecture and random weights, the images are noise: neither changes time or memory.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CONFIG = 'configs/pretrain/eva-g-p14_mim-clip-l_merged30m-224px.py'
TEACHER = 'ViT-L-14-quickgelu'


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--config', default=CONFIG)
    parser.add_argument('--batch-size', type=int, default=2)
    parser.add_argument('--steps', type=int, default=2)
    parser.add_argument('--deepspeed', action='store_true', help="keep the config's strategy, in bf16")
    parser.add_argument('--with-cp', action='store_true', help='activation checkpointing')
    return parser.parse_args()


def make_inputs(folder: Path, images: int) -> None:
    """Weights of the teacher's architecture, and noise images of 256 x 256 pixels."""
    import numpy as np
    import open_clip
    import torch
    from PIL import Image

    torch.save(open_clip.create_model(TEACHER, pretrained=None).state_dict(), folder / 'teacher.pt')
    (folder / 'images').mkdir()
    generator = np.random.default_rng(0)
    for index in range(images):
        pixels = generator.integers(0, 256, (256, 256, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / 'images' / f'{index}.png')


def command(args: argparse.Namespace, folder: Path) -> list[str]:
    """The call of tools/train.py."""
    options = [
        f'model.target_generator.pretrained={folder / "teacher.pt"}',
        f'model.backbone.with_cp={args.with_cp}',
        f'train_dataloader.dataset.data_root={folder / "images"}',
        'train_dataloader.dataset.sources=None',
        'train_dataloader.dataset.index=None',
        f'train_dataloader.batch_size={args.batch_size}',
        'train_dataloader.num_workers=0',
        'train_dataloader.persistent_workers=False',
        'train_cfg.max_epochs=1',
        'train_cfg.val_interval=10',
        'param_scheduler.warmup_epochs=0',
        'val_cfg=None',
        'val_dataloader=None',
        'val_evaluator=None',
        'default_hooks.logger.interval=1',
        'default_hooks.checkpoint=None',
    ]
    if args.deepspeed:
        options += ['strategy.fp16=None', 'strategy.bf16.enabled=True']
    else:
        options += ['strategy=None', 'optim_wrapper.type=OptimWrapper', 'optim_wrapper.clip_grad.max_norm=3.0']
    return [sys.executable, 'tools/train.py', args.config, '--work-dir', str(folder / 'run'), '--cfg-options', *options]


def main() -> None:
    args = parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        # in a process of its own, so that its memory does not count
        images = args.batch_size * args.steps
        maker = f'from full_size_step import *; make_inputs(Path({temporary!r}), {images})'
        subprocess.run([sys.executable, '-c', maker], check=True, cwd=Path(__file__).parent)
        before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        start = time.monotonic()
        code = subprocess.run(command(args, folder)).returncode
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    if code:
        sys.exit(f'error: tools/train.py failed with exit code {code}.')
    if peak <= before:
        sys.exit('error: the training took less memory than making its inputs, so its peak is unknown.')
    print(
        f'{args.steps} steps of {args.config}, batch {args.batch_size}: peak memory {peak / 2**20:.1f} GiB, '
        f'{time.monotonic() - start:.0f} s with start-up'
    )


if __name__ == '__main__':
    main()
