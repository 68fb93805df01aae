"""Two segmentors over one trunk, timed in turn."""

import argparse
import statistics
from collections.abc import Callable
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from torch import nn

from benchmarking.timing import in_turn, speed_ratios, timer
from eva_mm.models.backbones import ARCH_ZOO

CONFIGS = Path(__file__).parents[3] / 'configs' / 'segmentation'
CONTENDERS = {
    'EoMT': CONFIGS / 'eomt_dinov2-l-p16_ade20k-512px.py',
    'adapter + Mask2Former': CONFIGS / 'mask2former_eva-l-p16-adapter_ade20k-512px.py',
}


def build(path: Path, args: argparse.Namespace) -> nn.Module:
    """The segmentor of a config over the trunk that was asked for, an EoMT as a finished model, without masks."""
    from mmseg.registry import MODELS

    cfg = Config.fromfile(path)
    init_default_scope(cfg.default_scope)
    backbone, head, dims = cfg.model.backbone, cfg.model.decode_head, ARCH_ZOO[args.arch].embed_dims
    for option in ('qkv_bias', 'init_cfg'):
        backbone.pop(option, None)
    backbone.update(arch=args.arch, img_size=args.img_size, with_cp=False)
    head.in_channels = [dims] * 4 if isinstance(head.in_channels, list) else dims
    model = MODELS.build(cfg.model).eval().requires_grad_(False)
    if hasattr(model.backbone, 'attn_mask_probs'):
        model.backbone.attn_mask_probs.zero_()
    return model.to(args.device, getattr(torch, args.dtype))


def prepare(model: nn.Module, args: argparse.Namespace) -> Callable[[], object]:
    """One forward pass."""
    images = torch.randn(args.batch_size, 3, args.img_size, args.img_size, device=args.device)
    images = images.to(getattr(torch, args.dtype))

    @torch.no_grad()
    def step() -> object:
        return model.decode_head(model.backbone(images), [])

    return step


def measure(args: argparse.Namespace) -> dict:
    """Seconds of every round, images/s, parameters, and how many times the images/s of the other EoMT has."""
    timed = timer(args.device, args.clock)
    models = {name: build(path, args) for name, path in CONTENDERS.items()}
    steps = {name: prepare(model, args) for name, model in models.items()}
    for step in steps.values():
        step()
    works = {name: (lambda step=step: timed(step)) for name, step in steps.items()}
    seconds = in_turn(works, args.rounds, args.minutes)
    return {
        'parameters': {name: sum(each.numel() for each in model.parameters()) for name, model in models.items()},
        'seconds': seconds,
        'images_per_second': {name: args.batch_size / statistics.median(each) for name, each in seconds.items()},
        'speed_ratio': speed_ratios(seconds, 'EoMT')['adapter + Mask2Former'],
    }
