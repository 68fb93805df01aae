"""Backbones and necks, each in the forms that take other ways through the code."""

import math
from collections.abc import Callable, Iterator, Sequence

import torch
from mmengine.registry import MODELS
from torch import Tensor, nn

from gpu_steps.parity import Case

Inputs = Callable[[], Sequence[Tensor]]

# four heads of 88 channels, as wide as EVA-g's, so that attention takes the same kernels
ARCHS = {
    'full': dict(embed_dims=352, num_layers=4, num_heads=4, feedforward_channels=1536),
    'nano': dict(embed_dims=48, num_layers=4, num_heads=2, feedforward_channels=96),
}
SIDES = {'full': 112, 'nano': 42}
# pixels of a detector's image: the windows of 8 tokens do not divide it
DETECTOR_SIDES = {'full': 224, 'nano': 112}


@torch.no_grad()
def randomise(model: nn.Module) -> nn.Module:
    """Give every weight a part in the result: those that start at 0, too."""
    for name, parameter in model.named_parameters():
        noise = torch.randn_like(parameter)
        if parameter.ndim == 1:
            scale_of_norm = name.endswith('weight') or 'gamma' in name
            parameter.copy_((1 if scale_of_norm else 0) + 0.1 * noise)
        else:
            fan_in = parameter[0].numel() if parameter.ndim != 3 else 4
            parameter.copy_(noise / math.sqrt(fan_in))
    return model


def _build(kind: str, options: dict, inputs: Inputs) -> tuple[nn.Module, Sequence[Tensor]]:
    return randomise(MODELS.build(dict(type=f'eva_mm.{kind}', **options))).train(), inputs()


def _half_hidden(batch: int, patches: int) -> Tensor:
    """A mask (batch, patches) with every second patch hidden."""
    return (torch.arange(patches) % 2 == 0).expand(batch, -1)


def model_cases(size: str) -> Iterator[Case]:
    """All of them; a registered backbone or neck that has no case is found by a test."""
    arch, side, detector_side = ARCHS[size], SIDES[size], DETECTOR_SIDES[size]
    dims, patches = arch['embed_dims'], (side // 14) ** 2

    def case(form: str, kind: str, inputs: Inputs, smooth: bool = True, **options: object) -> Case:
        name = f'{kind}, {form}' if form else kind
        return Case(name, lambda: _build(kind, options, inputs), 'model', smooth)

    def images(pixels: int = side) -> Inputs:
        return lambda: [torch.randn(2, 3, pixels, pixels)]

    plain = dict(arch=arch, img_size=side)
    yield case('', 'EVAViT', images(), **plain, out_type='raw')
    yield case('other image size', 'EVAViT', images(side + 28), **plain, out_type='featmap', out_indices=(1, 3))
    yield case('fp32 attention', 'EVAViT', images(), **plain, attn_fp32=True)
    whole = dict(qkv_bias='full', layer_scale_init_value=0.1, out_type='avg_featmap')
    yield case('full bias, layer scale', 'EVAViT', images(), **plain, **whole)
    yield case('checkpointing', 'EVAViT', images(), **plain, with_cp=True)
    yield case('selective checkpointing', 'EVAViT', images(), **plain, with_cp='selective')

    def masked() -> Sequence[Tensor]:
        return [torch.randn(2, 3, side, side), _half_hidden(2, patches)]

    yield case('', 'EVAPretrainViT', masked, **plain)
    yield case('', 'EVAMAEViT', masked, **plain, decoder_arch={**arch, 'num_layers': 1})
    detector = dict(arch=arch, img_size=side // 14 * 16, window_size=8, freeze_patch_embed=False)
    yield case('', 'EVAViTDet', images(detector_side), **detector, rel_pos_img_size=detector_side)
    yield case(
        'geometric tables', 'EVAViTDet', images(detector_side), **detector, rel_pos_img_size=detector_side - 32,
        rel_pos_resize='geometric',
    )  # fmt: skip
    adapter = dict(arch=arch, img_size=side // 14 * 16, norm_cfg=dict(type='BN'), deform_num_heads=2, prior_channels=16)
    # rounding changes which pixel a maximum is taken from, and moves a sampling position over the centre of a pixel
    yield case('', 'EVAViTAdapter', images(side // 14 * 16), False, **adapter)
    biased = dict(relative_position_bias=True, layer_scale_init_value=0.1)
    yield case('relative bias', 'EVAViTAdapter', images(side // 14 * 16), False, **adapter, **biased)
    # rounding changes whether a query attends to a patch
    masks = dict(arch=arch, img_size=side // 14 * 16, num_queries=8, num_query_blocks=1)
    yield case('', 'EVAViTEoMT', images(side // 14 * 16), False, **masks)
    clips = [2, 3, 4, side, side]
    yield case('', 'EVAViTVideo', lambda: [torch.randn(clips)], arch=arch, num_frames=4, img_size=side)
    yield case('', 'EVACLIPViT', images(), **plain, embed_dim=64)
    maps = [1, 2, dims, side // 14, side // 14]
    yield case('', 'SimpleFeaturePyramid', lambda: [torch.randn(maps)], in_channels=dims, out_channels=dims // 2)
    yield case('', 'FrameNeck', lambda: [torch.randn(1, 2, dims, 4, 8, 8)])
