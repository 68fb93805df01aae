"""The trunk that every EVA backbone shares, and the plain image backbone that it already is."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from mmengine.logging import print_log
from mmengine.model import BaseModule
from torch import Tensor, nn

from eva_mm.checkpoint import load_pretrained
from eva_mm.checkpoint.file_grid import RECORD
from eva_mm.layers import Attention, Block, LayerNorm, PatchEmbed, resize_position_embedding
from eva_mm.layers.checkpointing import WithCp
from eva_mm.models.backbones.arch_zoo import ARCH_ZOO, resolve_arch
from eva_mm.registry import MODELS

__all__ = ['ARCH_ZOO', 'EVAViT']

OUT_TYPES = ('raw', 'featmap', 'cls_token', 'avg_featmap')


def _as_tuple(size: int | Sequence[int], length: int) -> tuple[int, ...]:
    return (size,) * length if isinstance(size, int) else tuple(size)


def _record_grid(module: 'EVAViT', state_dict: dict, prefix: str, local_metadata: dict) -> None:
    """Keep with the weights what their number of positions does not tell."""
    local_metadata[RECORD] = module.grid


@MODELS.register_module()
class EVAViT(BaseModule):
    """Plain vision transformer of EVA (arXiv 2211.07636), for classification, CLIP and plain dense tasks.

    Args:
        arch: A name of ``ARCH_ZOO`` or a dict with ``embed_dims``, ``num_layers``, ``num_heads`` and
            ``feedforward_channels``.
        img_size: Height and width, in pixels, of the grid of ``pos_embed``. Inputs of another size are taken: their
            positions are resized at run time.
        patch_size: Side of a patch in pixels.
        in_channels: Channels of the image.
        out_indices: Blocks whose output is returned; negative numbers count from the end.
        out_type: ``'raw'`` all tokens after the final norm; ``'cls_token'`` the class token after the final norm;
            ``'avg_featmap'`` ``fc_norm`` of the mean of the patch tokens, without final norm; ``'featmap'`` patch
            tokens as a map, without final norm (as the released segmentation and detection backbones).
        qkv_bias: ``'qv'`` (EVA) or ``'full'`` (EVA-L).
        layer_scale_init_value: Start of the layer scales; ``None`` (EVA) means none.
        drop_rate: Dropout after the attention's projection, the MLP and the positions.
        drop_path_rate: Stochastic depth of the last block; it grows linearly from 0.
        patch_grad_scale: Factor on the gradient of the patch embedding. The released fine-tuning has 0.
        frozen_stages: The embedding and this many blocks are frozen; 0 only the embedding, -1 nothing, and one more
            than there are blocks everything.
        attn_fp32: Logits and softmax in fp32, as the released pre-training and classification code.
        with_cp: Activation checkpointing of every block; ``'selective'`` keeps what linear layers and attention give.
        init_cfg: mmengine's; ``dict(type='Pretrained', checkpoint=...)`` takes any EVA checkpoint, and with
            ``strict=False`` also one that lacks weights.
        patch_embed: Seam for subclasses: a built embedding, ``images -> (tokens, grid)``.
        attention: Seam for subclasses: block index to a built attention.

    Raises:
        ValueError: Unknown ``arch`` or ``out_type``, ``img_size`` no multiple of ``patch_size``, ``out_indices`` out
            of range.
    """

    num_extra_tokens = 1
    # whose names a checkpoint is converted to
    checkpoint_task = 'classification'
    init_std = 0.02
    # the fine-tuning code cuts at +-2 absolute, which leaves a plain normal distribution
    init_cut = 2.0

    def __init__(
        self,
        arch: str | Mapping[str, int] = 'base',
        img_size: int | Sequence[int] = 224,
        patch_size: int = 14,
        in_channels: int = 3,
        out_indices: int | Sequence[int] = -1,
        out_type: str = 'cls_token',
        qkv_bias: str = 'qv',
        layer_scale_init_value: float | None = None,
        drop_rate: float = 0.0,
        drop_path_rate: float = 0.0,
        patch_grad_scale: float = 1.0,
        frozen_stages: int = -1,
        attn_fp32: bool = False,
        with_cp: WithCp = False,
        init_cfg: dict | None = None,
        *,
        patch_embed: nn.Module | None = None,
        attention: Callable[[int], nn.Module] | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.arch = resolve_arch(arch)
        self.embed_dims, self.num_layers = self.arch['embed_dims'], self.arch['num_layers']
        self.img_size = _as_tuple(img_size, 2)
        self.out_type = out_type
        self.out_indices = self._resolve_out_indices(_as_tuple(out_indices, 1))
        self.frozen_stages = frozen_stages
        if out_type not in OUT_TYPES:
            raise ValueError(f'out_type={out_type!r} is unknown: choose from {", ".join(OUT_TYPES)}.')

        dims = self.embed_dims
        self.patch_embed = patch_embed or PatchEmbed(
            in_channels, dims, _as_tuple(patch_size, 2), grad_scale=patch_grad_scale
        )
        self.grid = self._position_grid()
        if self.num_extra_tokens:
            self.cls_token = nn.Parameter(torch.zeros(1, self.num_extra_tokens, dims))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + math.prod(self.grid), dims))
        self.pos_drop = nn.Dropout(drop_rate)
        attention = attention or (
            lambda index: Attention(
                dims, self.arch['num_heads'], qkv_bias=qkv_bias, fp32=attn_fp32, proj_drop=drop_rate
            )
        )
        self.blocks = nn.ModuleList(
            Block(
                dims,
                attention(index),
                self.arch['feedforward_channels'],
                drop=drop_rate,
                drop_path=drop_path_rate * index / max(self.num_layers - 1, 1),
                layer_scale_init_value=layer_scale_init_value,
                with_cp=with_cp,
            )
            for index in range(self.num_layers)
        )
        if out_type in ('raw', 'cls_token'):
            self.norm = LayerNorm(dims)
        elif out_type == 'avg_featmap':
            self.fc_norm = LayerNorm(dims)
        self._freeze()
        self._register_state_dict_hook(_record_grid)

    def _load_from_state_dict(self, state_dict: dict, prefix: str, local_metadata: dict, *args: Any) -> None:
        grid = local_metadata.get(RECORD)
        if grid is not None and tuple(grid) != self.grid:
            raise ValueError(
                f'The positions of the weights are of a grid {tuple(grid)}, those of the model of {self.grid}: '
                'load them with eva_mm.checkpoint.load_pretrained, which resizes them.'
            )
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *args)

    def _resolve_out_indices(self, indices: tuple[int, ...]) -> tuple[int, ...]:
        resolved = tuple(index + self.num_layers if index < 0 else index for index in indices)
        if any(not 0 <= index < self.num_layers for index in resolved):
            raise ValueError(f'out_indices={indices} go beyond the {self.num_layers} blocks of this arch.')
        return resolved

    def _position_grid(self) -> tuple[int, ...]:
        patch = self.patch_embed.patch_size
        if any(side % p for side, p in zip(self.img_size, patch)):
            raise ValueError(
                f'img_size={self.img_size} is no multiple of patch_size={patch}: '
                f'give for instance {tuple(side // p * p for side, p in zip(self.img_size, patch))}.'
            )
        return tuple(side // p for side, p in zip(self.img_size, patch))

    def init_weights(self) -> None:
        """Initialise as the released code, then load what ``init_cfg`` names."""
        if not self.is_init:
            self._init_tokens()
            # children first: a parent may overrule what its children got
            self.apply(self._init_module)
            self._rescale_residual_outputs()
        pretrained, init_cfg = self._is_pretrained(), self.init_cfg
        if not pretrained or self.is_init:
            return super().init_weights()
        # mmengine's own loading would skip what does not fit without an error
        self.init_cfg = None
        super().init_weights()
        self.init_cfg = init_cfg
        options = {key: value for key, value in init_cfg.items() if key not in ('type', 'checkpoint')}
        print_log(str(load_pretrained(self, init_cfg['checkpoint'], **options)), logger='current')

    def _is_pretrained(self) -> bool:
        return isinstance(self.init_cfg, Mapping) and self.init_cfg.get('type') == 'Pretrained'

    def _trunc_normal(self, tensor: Tensor) -> None:
        nn.init.trunc_normal_(tensor, std=self.init_std, a=-self.init_cut, b=self.init_cut)

    def _init_tokens(self) -> None:
        self._trunc_normal(self.pos_embed)
        if self.num_extra_tokens:
            self._trunc_normal(self.cls_token)

    def _init_module(self, module: nn.Module) -> None:
        if isinstance(module, nn.Linear):
            self._trunc_normal(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)

    @torch.no_grad()
    def _rescale_residual_outputs(self) -> None:
        """Divide what block i (from 1) adds to the residual stream by sqrt(2 i)."""
        for depth, block in enumerate(self.blocks, start=1):
            block.attn.proj.weight.div_(math.sqrt(2 * depth))
            block.mlp.fc2.weight.div_(math.sqrt(2 * depth))

    def _freeze(self) -> None:
        if self.frozen_stages < 0:
            return
        for name, parameter in self.named_parameters():
            if self.get_layer_depth(name)[0] <= self.frozen_stages:
                parameter.requires_grad_(False)

    def train(self, mode: bool = True) -> 'EVAViT':
        """Set the mode; frozen blocks stay in evaluation mode."""
        super().train(mode)
        if self.frozen_stages >= 0:
            self.blocks[: self.frozen_stages].eval()
        return self

    def get_layer_depth(self, param_name: str, prefix: str = '') -> tuple[int, int]:
        """Depth of a parameter for layer-wise learning rates, in mmpretrain's protocol.

        Embeddings and tokens have depth 0, block i has i + 1, everything else the last depth.

        Args:
            param_name: Name of the parameter in the whole model.
            prefix: What stands before the names of this backbone, for instance ``'backbone.'``.

        Returns:
            ``(depth, num_layers + 2)``.
        """
        depths = self.num_layers + 2
        name = param_name.removeprefix(prefix)
        if not param_name.startswith(prefix):
            return depths - 1, depths
        if name in ('cls_token', 'mask_token', 'pos_embed') or name.startswith('patch_embed.'):
            return 0, depths
        if name.startswith('blocks.'):
            return int(name.split('.')[1]) + 1, depths
        return depths - 1, depths

    def _positions(self, grid: tuple[int, ...]) -> Tensor:
        return resize_position_embedding(self.pos_embed, self.grid, grid)

    def embed(self, patches: Tensor, grid: tuple[int, ...]) -> Tensor:
        """Prepend the class token to patch tokens (B, N, C) and add positions: (B, 1 + N, C)."""
        cls_token = self.cls_token.expand(patches.shape[0], -1, -1)
        return self.pos_drop(torch.cat((cls_token, patches), dim=1) + self._positions(grid))

    def readout(self, x: Tensor, grid: tuple[int, ...]) -> Tensor:
        """Tokens (B, E + N, C) to what ``out_type`` names: (B, E + N, C), (B, C) or (B, C, *grid)."""
        if self.out_type == 'raw':
            return self.norm(x)
        if self.out_type == 'cls_token':
            return self.norm(x[:, 0])
        patches = x[:, self.num_extra_tokens :]
        if self.out_type == 'avg_featmap':
            return self.fc_norm(patches.mean(dim=1))
        return patches.transpose(1, 2).unflatten(2, grid).contiguous()

    def run_blocks(self, x: Tensor, grid: tuple[int, ...]) -> tuple[Tensor, ...]:
        """All blocks; the read-out of each of ``out_indices``."""
        outs = {}
        for index, block in enumerate(self.blocks):
            x = block(x, grid)
            if index in self.out_indices:
                outs[index] = self.readout(x, grid)
        return tuple(outs[index] for index in self.out_indices)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Images (B, 3, H, W) to one read-out for each of ``out_indices``."""
        patches, grid = self.patch_embed(images)
        return self.run_blocks(self.embed(patches, grid), grid)
