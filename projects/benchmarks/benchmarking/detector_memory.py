"""Account of the detection trunk with its pyramid, and the same measured on a CPU."""

import argparse
import multiprocessing
import os
from collections.abc import Callable

import torch
from torch import nn

from benchmarking.choices import MODES, Shape
from benchmarking.contenders import fill
from benchmarking.memory import peak_of
from eva_mm.apis.planning.fake import fake_tensors
from eva_mm.apis.planning.memory import live_peak
from eva_mm.models.backbones import EVAViTDet
from eva_mm.models.necks import SimpleFeaturePyramid

# bytes for each trained number beside weight and gradient, both in half precision
OPTIMIZERS = {
    'AdamW with fp32 master weights': 12,
    'AdamW, 8-bit moments and fp32 master weights': 6,
    'AdamW, 8-bit moments': 2,
}


def trunk_with_pyramid(shape: Shape, img_size: int, frozen_stages: int) -> nn.Module:
    """The model; every block is checkpointed in training."""
    sizes = shape.sizes
    backbone = EVAViTDet(sizes, window_size=16, rel_pos_img_size=img_size, with_cp=True, frozen_stages=frozen_stages)
    return nn.Sequential(backbone, SimpleFeaturePyramid(sizes.embed_dims))


def step_of(model: nn.Module, images: torch.Tensor, mode: str) -> Callable[[], None]:
    """Inference, or forward and backward."""
    model.train(mode == 'train')

    def forward() -> None:
        with torch.no_grad():
            model(images)

    def train() -> None:
        sum(level.square().mean() for level in model(images)).backward()

    return {'forward': forward, 'train': train}[mode]


def account(shape: Shape, img_size: int, mode: str, dtype: torch.dtype, frozen_stages: int = -1) -> dict:
    """Bytes of weights, of everything else at the peak, and in training of optimizer states."""
    with torch.device('meta'):
        model = trunk_with_pyramid(shape, img_size, frozen_stages).to(dtype)
    row = {
        'img_size': img_size,
        'mode': mode,
        'weight_bytes': sum(p.numel() * p.element_size() for p in model.parameters()),
    }
    with fake_tensors():
        model.to_empty(device='cpu')
        row['peak_bytes'] = live_peak(step_of(model, torch.empty(1, 3, img_size, img_size, dtype=dtype), mode))
    if mode == 'train':
        trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
        row['optimizer_bytes'] = {name: trained * size for name, size in OPTIMIZERS.items()}
    return row


def measure(shape: Shape, img_size: int, mode: str, frozen_stages: int, threads: int) -> tuple[int, int]:
    """Account and peak of the resident set of the same step on this CPU in fp32."""
    torch.set_num_threads(threads)
    with torch.device('meta'):
        model = trunk_with_pyramid(shape, img_size, frozen_stages)
    fill(model, 'cpu', torch.float32)
    # loads the libraries' code, which counts as resident, on an image of one window
    step_of(model, torch.rand(1, 3, 256, 256), mode)()
    model.zero_grad(set_to_none=True)
    step = step_of(model, torch.rand(1, 3, img_size, img_size), mode)
    measured = peak_of(step, 'cpu')
    model.zero_grad(set_to_none=True)
    return live_peak(step), measured


def rows(args: argparse.Namespace) -> list[dict]:
    """A row for each size and mode."""
    found = []
    for img_size in args.img_sizes:
        for mode in MODES:
            shape = Shape(args.arch, args.depth, img_size, 16)
            row = account(shape, img_size, mode, torch.float16, args.frozen_stages)
            if args.check:
                # glibc keeps small blocks after they are freed; the resident set should tell what lives
                os.environ['MALLOC_MMAP_THRESHOLD_'] = '65536'
                with multiprocessing.get_context('spawn').Pool(1) as pool:
                    arguments = (shape, img_size, mode, args.frozen_stages, torch.get_num_threads())
                    row['peak_bytes'], row['measured_bytes'] = pool.apply(measure, arguments)
                row['weight_bytes'] *= 2
                row.pop('optimizer_bytes', None)
            found.append(row)
    return found
