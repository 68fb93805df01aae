"""EVA with a ViT-Adapter: four maps of strides 4 to 32 for segmentation."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from eva_mm.layers.checkpointing import WithCp
from eva_mm.layers.patch_embed import pad_to_multiple
from eva_mm.layers.relative_position_bias import RelativePositionBias
from eva_mm.models.backbones.arch_zoo import Arch
from eva_mm.models.backbones.eva_vit import EVAViT
from eva_mm.models.backbones.vit_adapter import DeformableAttention, Interaction, SpatialPrior, TokenMaps, to_tokens
from eva_mm.registry import MODELS

NORMS = {'BN': nn.BatchNorm2d, 'SyncBN': nn.SyncBatchNorm}
PATCH_SIZE, STRIDES = 16, (4, 8, 16, 32)


@MODELS.register_module()
class EVAViTAdapter(EVAViT):
    """:class:`EVAViT` between which and a convolutional prior information flows both ways (arXiv 2205.08534).

    As ``BEiTAdapter`` of the EVA segmentation release: all extractors have the full ``drop_path_rate``, the last of
    four interactions has two extra extractors, EVA has no final norm and its class token no position. Unlike in the
    release, images may have any size: sides that are not divisible by 16 are resized (bilinear) to the next multiple,
    so that the maps still span the whole image, or with ``pad_to_patch`` padded, and the maps cropped.

    Args:
        arch, img_size, drop_path_rate, with_cp, kwargs: As for :class:`EVAViT`, but for ``out_indices``.
        interaction_indexes: First and last block of each of the four groups; ``None`` cuts the blocks evenly.
        relative_position_bias: Give each block a BEiT bias (the released ``relpos_layerscale`` models).
        prior_channels: Channels of the stem of the prior.
        deform_num_heads, deform_num_points: Heads of the deformable attention, and what each samples in each map.
        deform_ratio, cffn_ratio: Channels of its values and hidden channels of the extractors' feed-forward nets, as a
            part of ``embed_dims``.
        norm_cfg: ``dict(type='SyncBN')`` (released, ``None``) or ``dict(type='BN')``, with arguments of the layer.

    Raises:
        ValueError: ``patch_size`` is not 16, ``out_indices`` is given, the groups leave out or repeat a block, unknown
            ``norm_cfg``, or a bias for a family with rotary positions or without a single class token.
    """

    checkpoint_task = 'segmentation'
    variant = 'adapter'
    out_types = ('featmap',)

    def __init__(
        self,
        arch: str | Mapping[str, Any] | Arch = 'base',
        img_size: int | Sequence[int] = 896,
        interaction_indexes: Sequence[Sequence[int]] | None = None,
        relative_position_bias: bool = False,
        prior_channels: int = 64,
        deform_num_heads: int = 16,
        deform_num_points: int = 4,
        deform_ratio: float = 0.5,
        cffn_ratio: float = 0.25,
        drop_path_rate: float = 0.0,
        norm_cfg: dict | None = None,
        with_cp: WithCp = False,
        **kwargs: Any,
    ) -> None:
        if kwargs.setdefault('patch_size', PATCH_SIZE) != PATCH_SIZE:
            problem = f'patch_size={kwargs["patch_size"]} does not fit the strides 8, 16 and 32 of the prior'
            raise ValueError(f'{problem}: give 16 (weights of other patches are resampled when they are loaded).')
        if kwargs.pop('out_indices', -1) != -1:
            raise ValueError('EVAViTAdapter returns a map of each of its four groups of blocks: leave out_indices out.')
        # what the blocks are built from
        self.relative_position_bias = relative_position_bias
        kwargs |= dict(drop_path_rate=drop_path_rate, with_cp=with_cp)
        super().__init__(arch, img_size, **{'out_type': 'featmap', **kwargs})
        self.groups, dims = self._resolve_groups(interaction_indexes), self.embed_dims
        shared: dict[str, Any] = dict(num_points=deform_num_points, value_proj_ratio=deform_ratio, with_cp=with_cp)
        shared.update(ffn_ratio=cffn_ratio, drop_path=drop_path_rate)
        self._norm_cfg = norm_cfg or dict(type='SyncBN')
        self.spm = SpatialPrior(dims, prior_channels, self._map_norm, self.patch_embed.proj.in_channels)
        self.level_embed = nn.Parameter(torch.zeros(3, dims))
        of_groups = (Interaction(dims, deform_num_heads, extra=extra, **shared) for extra in (0, 0, 0, 2))
        self.interactions = nn.ModuleList(of_groups)
        self.up = nn.ConvTranspose2d(dims, dims, 2, stride=2)
        self.norm1, self.norm2, self.norm3, self.norm4 = (self._map_norm(dims) for _ in range(4))
        self._freeze()

    def _map_norm(self, channels: int) -> nn.Module:
        options = dict(self._norm_cfg)
        kind, trained = options.pop('type', None), options.pop('requires_grad', True)
        if kind not in NORMS:
            raise ValueError(f'norm_cfg={self._norm_cfg} is unknown: its type must be one of {", ".join(NORMS)}.')
        return NORMS[kind](channels, **options).requires_grad_(trained)

    def _build_relative_position(self, index: int) -> nn.Module | None:
        if not self.relative_position_bias:
            return super()._build_relative_position(index)
        if self.arch.rotary is not None or self.num_extra_tokens != 1:
            raise ValueError('relative_position_bias=True needs a family with one class token and no rotary positions.')
        return RelativePositionBias(self.arch.num_heads, self.grid)

    def _resolve_groups(self, indexes: Sequence[Sequence[int]] | None) -> list[tuple[int, int]]:
        """(first, behind the last) block of each group."""
        if indexes is None:
            return list(pairwise(self.num_layers * part // 4 for part in range(5)))
        groups = [(first, last + 1) for first, last in indexes]
        if len(groups) != 4 or [i for group in groups for i in range(*group)] != list(range(self.num_layers)):
            groups_wanted = f'four groups (first, last) that hold each of the {self.num_layers} blocks once, in order'
            raise ValueError(f'interaction_indexes={indexes} must be {groups_wanted}.')
        return groups

    def _init_tokens(self) -> None:
        super()._init_tokens()
        nn.init.normal_(self.level_embed)
        if self.pos_embed is not None:
            nn.init.zeros_(self.pos_embed)

    def _init_module(self, module: nn.Module) -> None:
        super()._init_module(module)
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)) and module is not self.patch_embed.proj:
            fan_out = module.kernel_size[0] * module.kernel_size[1] * module.out_channels // module.groups
            nn.init.normal_(module.weight, std=(2 / fan_out) ** 0.5)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, DeformableAttention):
            module.attn.init_weights()

    def _rescale_residual_outputs(self) -> None:
        """Nothing: the released segmentation code has no such step."""

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Images (B, 3, H, W) to maps (B, C, ...) of strides 4, 8, 16 and 32, sides rounded up."""
        size, images = images.shape[2:], self._to_multiple_of_patch(images)
        finest, *coarser = self.spm(images)
        patches, grid = self.patch_embed(images)
        x, x_maps = self.embed(patches, grid), TokenMaps([grid], images.device)
        prior_maps = TokenMaps([each.shape[2:] for each in coarser], images.device)
        prior = to_tokens(each + level[:, None, None] for each, level in zip(coarser, self.level_embed))
        trunk = []
        for (first, last), interaction in zip(self.groups, self.interactions):
            x, prior = interaction(x, x_maps, prior, prior_maps, self.blocks[first:last])
            trunk.append(self.readout(x, grid))
        second, third, fourth = prior_maps.split(prior)
        maps = []
        # the resized map of each group of blocks is added to one map of the prior
        for index, each in enumerate((finest + self.up(second), second, third, fourth)):
            own = F.interpolate(trunk[index], each.shape[2:], mode='bilinear', align_corners=False)
            each = self.get_submodule(f'norm{index + 1}')(each + own)
            height, width = ((side + STRIDES[index] - 1) // STRIDES[index] for side in size)
            maps.append(each[..., :height, :width] if self.patch_embed.pad else each)
        return tuple(maps)

    def _to_multiple_of_patch(self, images: Tensor) -> Tensor:
        if self.patch_embed.pad:
            return pad_to_multiple(images, self.patch_embed.patch_size)
        size = tuple((side + PATCH_SIZE - 1) // PATCH_SIZE * PATCH_SIZE for side in images.shape[2:])
        same = size == tuple(images.shape[2:])
        return images if same else F.interpolate(images, size, mode='bilinear', align_corners=False)
