"""The backbone of a config file as a contender."""

import inspect
from dataclasses import replace

import torch
from mmengine.config import ConfigDict
from mmengine.model import revert_sync_batchnorm
from mmengine.registry import MODELS, init_default_scope
from torch import Tensor, nn

from benchmarking.choices import Shape
from eva_mm.apis import load_config
from eva_mm.layers import Attention
from eva_mm.models.backbones.arch_zoo import resolve_arch


def _read(path: str) -> ConfigDict:
    """``model.backbone`` of a config, or ``model.visual`` of a CLIP; from here on its host's names are known."""
    cfg = load_config(path)
    model = cfg.get('model') or {}
    if not (model.get('backbone') or model.get('visual')):
        raise ValueError(f'The config {path!r} has neither model.backbone nor model.visual: give the config of a task.')
    init_default_scope(cfg.get('default_scope') or 'mmengine')
    if model.get('backbone'):
        return model.backbone
    return ConfigDict(embed_dim=model.embed_dim, **model.visual)


def shape_of(path: str, depth: int | None, img_size: int | None) -> Shape:
    """Sizes of a config's backbone.

    Args:
        path: Config of any task.
        depth: As for :class:`Shape`.
        img_size: Instead of the config's.

    Raises:
        UserError: The file does not exist.
        ValueError: The config has no backbone, or one without EVA's attention, which has no plain form.
    """
    backbone = _read(path)
    # a detector's img_size is that of its pre-training
    own = backbone.get('rel_pos_img_size') or backbone.get('img_size') or 224
    size = img_size or (own if isinstance(own, int) else max(own))
    shape = Shape(depth=depth, img_size=size, config=path, frames=backbone.get('num_frames') or 0)
    with torch.device('meta'):
        model = config_backbone(shape)
    if not any(isinstance(module, Attention) for module in model.modules()):
        raise ValueError(
            f'{backbone.type} of {path!r} has no attention of eva_mm, hence no plain form to compare with.'
        )
    return shape


class _Masked(nn.Module):
    """A backbone of masked image modelling: images, half of whose patches are hidden, to tokens."""

    def __init__(self, backbone: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) to (B, N, C)."""
        sides = (side // self.backbone.patch_embed.proj.kernel_size[0] for side in images.shape[2:])
        mask = torch.arange(torch.Size(sides).numel(), device=images.device) % 2 == 0
        # the second value is the mask
        return self.backbone(images, mask.expand(len(images), -1))[0]


def config_backbone(shape: Shape) -> nn.Module:
    """The backbone of ``shape.config`` for its size, without weights."""
    backbone = _read(shape.config).copy()
    backbone.pop('init_cfg', None)
    key = 'rel_pos_img_size' if 'rel_pos_img_size' in backbone else 'img_size'
    if key in backbone:
        backbone[key] = shape.img_size
    if shape.depth is not None:
        backbone.arch = replace(resolve_arch(backbone.arch), num_layers=shape.depth)
    # one process has no statistics to share, and a CPU has no such layer
    model = revert_sync_batchnorm(MODELS.build(backbone))
    return _Masked(model) if 'mask' in inspect.signature(model.forward).parameters else model
