"""EVA backbones and what a user would pick instead, of any size, with cheap random weights."""

from collections.abc import Callable
from dataclasses import asdict
from types import MethodType

import torch
from torch import Tensor, nn

from benchmarking.choices import OURS, TIMM, Shape
from eva_mm.layers import Attention
from eva_mm.layers.relative_position import DecomposedRelativePosition
from eva_mm.models.backbones import EVAViT, EVAViTDet
from eva_mm.models.backbones.arch_zoo import SIZES


def eva_mm_backbone(shape: Shape) -> nn.Module:
    """Our own backbone."""
    if shape.config:
        # only here: it imports what mmengine needs for a config
        from benchmarking.config_backbone import config_backbone

        return config_backbone(shape)
    if shape.window_size:
        return EVAViTDet(
            shape.sizes, window_size=shape.window_size, rel_pos_img_size=shape.img_size, freeze_patch_embed=False
        )
    # EVA-L has an ordinary qkv bias; its features are the mean of the patches
    large = dict(qkv_bias='full', out_type='avg_featmap') if shape.arch == 'large' else {}
    return EVAViT(shape.sizes, img_size=shape.img_size, **large)


def _attend_plainly(self: Attention, q: Tensor, k: Tensor, v: Tensor, grid: tuple[int, ...]) -> Tensor:
    """Whole N x N matrices of logits, bias and softmax, as the released code has them."""
    bias = None
    if isinstance(self.rel_pos, DecomposedRelativePosition):
        rows, columns = self.rel_pos.terms(q, grid)
        bias = (rows.unsqueeze(-1) + columns.unsqueeze(-2)).flatten(-2)
    elif self.rel_pos is not None:
        q, k, bias = self.rel_pos(q, k, grid)
    logits = (q * v.shape[-1] ** -0.5) @ k.transpose(-2, -1)
    if bias is not None:
        logits = logits + bias
    return logits.softmax(dim=-1) @ v


def plain_backbone(shape: Shape) -> nn.Module:
    """Our model with softmax(QK)V written out."""
    model = eva_mm_backbone(shape)
    for module in model.modules():
        if isinstance(module, Attention):
            module._attend = MethodType(_attend_plainly, module)
    return model


def timm_backbone(shape: Shape) -> nn.Module:
    """timm's EVA-01: its class for EVA-g, an ordinary ViT for EVA-L; or another family that it has, at a fixed size."""
    import timm

    sizes = shape.sizes
    options = dict(img_size=shape.img_size, depth=sizes.num_layers, num_classes=0)
    if shape.arch in TIMM:
        fixed = dict(dynamic_img_size=False) if shape.arch.startswith('dinov3') else {}
        return timm.create_model(TIMM[shape.arch], global_pool='token', **options, **fixed)
    if shape.arch == 'large':
        return timm.create_model('eva_large_patch14_196', **options)
    options |= dict(embed_dim=sizes.embed_dims, num_heads=sizes.num_heads)
    ratio = sizes.feedforward_channels / sizes.embed_dims
    return timm.create_model('eva_giant_patch14_224', mlp_ratio=ratio, **options)


def open_clip_tower(shape: Shape) -> nn.Module:
    """Image tower of open_clip's EVA01-g-14, with its projection."""
    from open_clip import get_model_config
    from open_clip.timm_model import TimmModel

    config = get_model_config('EVA01-g-14')
    vision = config['vision_cfg']
    tower = TimmModel(
        vision['timm_model_name'],
        config['embed_dim'],
        image_size=shape.img_size,
        pool=vision['timm_pool'],
        proj=vision['timm_proj'],
    )
    tower.trunk.blocks = tower.trunk.blocks[: shape.sizes.num_layers]
    return tower


def mmpretrain_backbone(shape: Shape) -> nn.Module:
    """mmpretrain's BEiTViT as its EVA configs set it."""
    from mmpretrain.models import BEiTViT

    return BEiTViT(
        arch={key: getattr(shape.sizes, key) for key in SIZES},
        img_size=shape.img_size,
        patch_size=14,
        layer_scale_init_value=0.0,
        out_type='avg_featmap',
        use_abs_pos_emb=True,
        use_rel_pos_bias=False,
        use_shared_rel_pos_bias=False,
    )


CONTENDERS: dict[str, Callable[[Shape], nn.Module]] = {
    OURS: eva_mm_backbone,
    'plain': plain_backbone,
    'timm': timm_backbone,
    'open_clip': open_clip_tower,
    'mmpretrain': mmpretrain_backbone,
}


@torch.no_grad()
def fill(model: nn.Module, device: str, dtype: torch.dtype) -> nn.Module:
    """Give a model on the meta device small random weights; its buffers become zero."""
    model = model.to_empty(device=device).to(dtype)
    # a billion draws take longer than the run: a prime number of them is repeated
    draws = torch.rand(1_000_003, device=device, dtype=dtype, generator=torch.Generator(device).manual_seed(0))
    draws = (draws - 0.5) * 0.06
    for name, parameter in model.named_parameters():
        if parameter.ndim == 1 and name.endswith('weight'):
            parameter.fill_(1)
        else:
            for part in parameter.view(-1).split(len(draws)):
                part.copy_(draws[: len(part)])
    for buffer in model.buffers():
        buffer.zero_()
    return model


def build(name: str, shape: Shape, device: str = 'cpu', dtype: torch.dtype = torch.float32) -> nn.Module:
    """A contender with weights, on its device.

    Raises:
        ValueError: Unknown name, or a peer that has no such model.
    """
    known = (OURS, *shape.peers)
    if name not in known:
        raise ValueError(f'No contender {name!r} for {asdict(shape)}: choose from {", ".join(known)}.')
    with torch.device('meta'):
        model = CONTENDERS[name](shape)
    return fill(model, device, dtype)
