"""The trunk that every EVA backbone shares, and the plain image backbone that it already is."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from mmengine.logging import print_log
from mmengine.model import BaseModule
from torch import Tensor, nn

from eva_mm.checkpoint import load_pretrained
from eva_mm.checkpoint.file_grid import RECORD
from eva_mm.layers import Attention, Block, LayerNorm, PatchEmbed, PostNormBlock, resize_position_embedding
from eva_mm.layers.attention import Grid
from eva_mm.layers.attention_pool import AttentionPool
from eva_mm.layers.checkpointing import WithCp
from eva_mm.layers.mlp import build_mlp
from eva_mm.layers.rotary import RotaryPosition
from eva_mm.models.backbones.arch_zoo import ARCH_ZOO, Arch, resolve_arch
from eva_mm.registry import MODELS

# the parts before the first block
EMBEDDING = ('patch_embed', 'pos_embed', 'cls_token', 'register_tokens', 'mask_token', 'norm_pre')


def _as_tuple(size: int | Sequence[int], length: int) -> tuple[int, ...]:
    return (size,) * length if isinstance(size, int) else tuple(size)


def _record_grid(module: 'EVAViT', state_dict: dict, prefix: str, local_metadata: dict) -> None:
    """Keep with the weights what their number of positions does not tell."""
    local_metadata[RECORD] = module.grid


@MODELS.register_module()
class EVAViT(BaseModule):
    """Plain vision transformer, for classification, CLIP and plain dense tasks: EVA (arXiv 2211.07636) and every
    family of ``ARCH_ZOO``, whose value is taken where ``None`` is given.

    Args:
        arch: Name of a family and size, or a dict: see :func:`eva_mm.models.backbones.arch_zoo.resolve_arch`.
        img_size: Height and width, in pixels, of the grid of ``pos_embed``. Inputs of another size are taken: their
            positions are resized at run time.
        patch_size: Side of a patch in pixels.
        in_channels: Channels of the image.
        out_indices: Blocks whose output is returned; negative numbers count from the end. Blocks behind the last of
            them are neither run nor trained.
        out_type: ``'raw'`` all tokens after the final norm; ``'cls_token'`` the class token after the final norm;
            ``'avg_featmap'`` the mean of the patch tokens; ``'featmap'`` patch tokens as a map; ``'attn_pool'`` what
            a learned query reads after the final norm. Whether mean and map pass the final norm follows the family:
            not in EVA, whose mean has ``fc_norm`` instead.
        drop_rate: Dropout after the attention's projection, the MLP and the positions.
        drop_path_rate: Stochastic depth of the last block; it grows linearly from 0.
        patch_grad_scale: Factor on the gradient of the patch embedding. The released fine-tuning has 0.
        frozen_stages: The embedding and this many blocks are frozen; 0 only the embedding, -1 nothing, and one more
            than there are blocks everything.
        attn_fp32: Logits and softmax in fp32, as released for pre-training and classification; holds N x N matrices.
        with_cp: Activation checkpointing of every block; ``'selective'`` keeps what linear layers and attention give.
        pad_to_patch: Take images of any size: pad them with zeros to a multiple of the patch.
        init_cfg: mmengine's; ``dict(type='Pretrained', checkpoint=...)`` takes any checkpoint of the family, and with
            ``strict=False`` also one that lacks weights.
        entries: Replace those of the family, for instance ``qkv_bias='full'`` or ``layer_scale_init_value=0.1``.

    Raises:
        ValueError: Unknown ``arch`` or entry, an ``out_type`` that the family does not have, ``img_size`` not divisible
            by ``patch_size``, ``out_indices`` out of range.
    """

    # whose names a checkpoint is converted to, of what it may be, and what released models of the task change in a row
    checkpoint_task, zoo, variant = 'classification', ARCH_ZOO, ''
    # what subclasses have less of: read-outs, outputs, tokens in front
    out_types: tuple[str, ...] = ('raw', 'featmap', 'cls_token', 'avg_featmap', 'attn_pool')
    one_output, has_extra_tokens = False, True
    # the fine-tuning code cuts at +-2 absolute, which leaves a plain normal distribution
    init_std, init_cut = 0.02, 2.0

    def __init__(
        self,
        arch: str | Mapping[str, Any] | Arch = 'base',
        img_size: int | Sequence[int] | None = None,
        patch_size: int | Sequence[int] | None = None,
        in_channels: int = 3,
        out_indices: int | Sequence[int] = -1,
        out_type: str | None = None,
        drop_rate: float = 0.0,
        drop_path_rate: float = 0.0,
        patch_grad_scale: float = 1.0,
        frozen_stages: int = -1,
        attn_fp32: bool = False,
        with_cp: WithCp = False,
        pad_to_patch: bool = False,
        init_cfg: dict | None = None,
        **entries: Any,
    ) -> None:
        super().__init__(init_cfg)
        self.arch = resolve_arch(arch, self.variant, **entries)
        self.embed_dims, self.num_layers = self.arch.embed_dims, self.arch.num_layers
        self.img_size = _as_tuple(img_size or self.arch.img_size, 2)
        self.drop_rate, self.attn_fp32, self.frozen_stages = drop_rate, attn_fp32, frozen_stages
        self.out_type = self._resolve_out_type(out_type or self.arch.out_type)
        self.out_indices = self._resolve_out_indices(_as_tuple(out_indices, 1))
        dims, patch = self.embed_dims, _as_tuple(patch_size or self.arch.patch_size, 2)
        self.patch_embed = self._build_patch_embed(in_channels, patch, grad_scale=patch_grad_scale, pad=pad_to_patch)
        self.grid = self._position_grid()

        front = [n * self.has_extra_tokens for n in (self.arch.cls_token, self.arch.num_registers)]
        rows = (self.arch.cls_token + math.prod(self.grid)) * (self.arch.pos_embed is not None)
        self.num_extra_tokens = sum(front)
        self.cls_token, self.register_tokens, self.pos_embed = (
            nn.Parameter(torch.zeros(1, n, dims)) if n else None for n in (*front, rows)
        )
        # rows that belong to no patch, and how the others are resized
        self.position_rule = int(self.arch.cls_token), self.arch.pos_embed or 'bicubic'
        self.pos_drop = nn.Dropout(drop_rate)
        self.norm_pre = self._norm(dims) if self.arch.embed_norm else nn.Identity()
        block = PostNormBlock if self.arch.post_norm else Block
        options: dict[str, Any] = dict(layer_scale_init_value=self.arch.layer_scale_init_value, with_cp=with_cp)
        # one block at a time: a carried config may ask for a billion, and is refused at the first too many
        self.blocks = nn.ModuleList()
        for i in range(self.num_layers):
            rate = drop_path_rate * i / max(self.num_layers - 1, 1)
            parts = self._build_attention(i), self._build_mlp(i)
            self.blocks.append(block(dims, *parts, self._norm, drop_path=rate, **options))
        last = self.arch.norm_patches or self.out_type in ('raw', 'cls_token', 'attn_pool')
        self.norm = self._norm(dims) if last else nn.Identity()
        self.fc_norm = self._norm(dims) if self.out_type == 'avg_featmap' and not last else nn.Identity()
        if self.out_type == 'attn_pool':
            self.attn_pool = AttentionPool(dims, self.arch.pool_heads, self._build_mlp(self.num_layers), self._norm)
        self._freeze()
        self._register_state_dict_hook(_record_grid)

    def _load_from_state_dict(self, state_dict: dict, prefix: str, local_metadata: dict, *args: Any) -> None:
        grid = local_metadata.get(RECORD)
        if grid is not None and self.pos_embed is not None and tuple(grid) != self.grid:
            raise ValueError(
                f'The positions of the weights are of a grid {tuple(grid)}, those of the model of {self.grid}: '
                'load them with eva_mm.checkpoint.load_pretrained, which resizes them.'
            )
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *args)

    def _resolve_out_type(self, out_type: str) -> str:
        has = dict(cls_token=self.arch.cls_token and self.has_extra_tokens, attn_pool=self.arch.pool_heads)
        possible = [each for each in self.out_types if has.get(each, True)]
        if out_type not in possible:
            whose = f'{type(self).__name__} of this arch has no out_type={out_type!r}'
            raise ValueError(f'{whose}: choose from {", ".join(possible)}.')
        return out_type

    def _resolve_out_indices(self, indices: tuple[int, ...]) -> tuple[int, ...]:
        resolved = tuple(index + self.num_layers if index < 0 else index for index in indices)
        if any(not 0 <= index < self.num_layers for index in resolved):
            raise ValueError(f'out_indices={indices} go beyond the {self.num_layers} blocks of this arch.')
        if self.one_output and len(resolved) > 1:
            raise ValueError(f'{type(self).__name__} returns one output: out_indices={indices} must be one block.')
        return resolved

    def _position_grid(self) -> tuple[int, ...]:
        patch = self.patch_embed.patch_size
        if any(side % p for side, p in zip(self.img_size, patch)):
            wrong = f'img_size={self.img_size} must be divisible by patch_size={patch}'
            fits = tuple(side // p * p for side, p in zip(self.img_size, patch))
            raise ValueError(f'{wrong}: give for instance {fits}.')
        return tuple(side // p for side, p in zip(self.img_size, patch))

    def _norm(self, dims: int) -> nn.Module:
        return LayerNorm(dims, self.arch.norm_eps)

    def _build_patch_embed(self, in_channels: int, patch_size: tuple[int, ...], **options: Any) -> nn.Module:
        """Seam for subclasses: ``images -> (tokens, grid)``."""
        return PatchEmbed(in_channels, self.embed_dims, patch_size, bias=not self.arch.embed_norm, **options)

    def _build_relative_position(self, index: int) -> nn.Module | None:
        """Seam for subclasses: relative position of a block's attention."""
        if self.arch.rotary is None:
            return None
        return RotaryPosition(self.arch.rotary, self.embed_dims // self.arch.num_heads, self.num_extra_tokens)

    def _build_attention(self, index: int, kind: type[Attention] = Attention, **options: Any) -> nn.Module:
        """Seam for subclasses: attention of a block."""
        options |= dict(qkv_bias=self.arch.qkv_bias, separate_qkv=self.arch.separate_qkv, fp32=self.attn_fp32)
        options |= dict(norm=self._norm if self.arch.attn_norm else None, proj_drop=self.drop_rate)
        relative = self._build_relative_position(index)
        return kind(self.embed_dims, self.arch.num_heads, relative_position=relative, **options)

    def _build_mlp(self, index: int) -> nn.Module:
        """Seam for subclasses: feed-forward net of a block, or behind all blocks that of the attention pool."""
        norm = self._norm if self.arch.mlp_norm else None
        return build_mlp(self.arch.mlp, self.embed_dims, self.arch.feedforward_channels, self.drop_rate, norm)

    def init_weights(self) -> None:
        """Initialise as the released code, then load what ``init_cfg`` names."""
        if not self.is_init:
            self._init_tokens()
            # children first: a parent may overrule what its children got
            self.apply(self._init_module)
            self._rescale_residual_outputs()
        init_cfg = self.init_cfg
        if self.is_init or not (isinstance(init_cfg, Mapping) and init_cfg.get('type') == 'Pretrained'):
            return super().init_weights()
        # mmengine's own loading would skip what does not fit without an error
        self.init_cfg = None
        super().init_weights()
        self.init_cfg, options = init_cfg, dict(init_cfg)
        del options['type']
        print_log(str(load_pretrained(self, options.pop('checkpoint'), **options)), logger='current')

    def _trunc_normal(self, tensor: Tensor) -> None:
        nn.init.trunc_normal_(tensor, std=self.init_std, a=-self.init_cut, b=self.init_cut)

    def _init_tokens(self) -> None:
        for tokens in (self.pos_embed, self.cls_token, self.register_tokens):
            if tokens is not None:
                self._trunc_normal(tokens)

    def _init_module(self, module: nn.Module) -> None:
        if isinstance(module, AttentionPool):
            self._trunc_normal(module.latent)
        elif isinstance(module, nn.Linear):
            self._trunc_normal(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)

    @torch.no_grad()
    def _rescale_residual_outputs(self) -> None:
        """Divide what block i (from 1) adds to the residual stream by sqrt(2 i)."""
        for depth, block in enumerate(self.blocks, start=1):
            *_, last = (layer for layer in block.mlp.modules() if isinstance(layer, nn.Linear))
            for layer in (block.attn.proj, last):
                layer.weight.div_(math.sqrt(2 * depth))

    def _freeze(self) -> None:
        self.blocks[max(self.out_indices) + 1 :].requires_grad_(False)
        for name, parameter in self.named_parameters():
            if self._stage(name) <= self.frozen_stages:
                parameter.requires_grad_(False)

    def train(self, mode: bool = True) -> 'EVAViT':
        """Set the mode; frozen blocks stay in evaluation mode."""
        super().train(mode)
        self.blocks[: max(self.frozen_stages, 0)].eval()
        return self

    def get_layer_depth(self, param_name: str, prefix: str = '') -> tuple[int, int]:
        """Depth of a parameter for layer-wise learning rates, and ``num_layers + 2``, in mmpretrain's protocol.

        What comes before the blocks has depth 0, block i has i + 1, everything else the last. In the whole model names
        of this backbone begin with ``prefix``.
        """
        return self._stage(param_name, prefix), self.num_layers + 2

    def _stage(self, param_name: str, prefix: str = '') -> int:
        part, *rest = param_name.removeprefix(prefix).split('.')
        if param_name.startswith(prefix) and part in EMBEDDING:
            return 0
        return int(rest[0]) + 1 if param_name.startswith(f'{prefix}blocks.') else self.num_layers + 1

    def _positions(self, grid: tuple[int, ...]) -> Tensor:
        return resize_position_embedding(self.pos_embed, self.grid, grid, *self.position_rule)

    def embed(self, patches: Tensor, grid: tuple[int, ...]) -> Tensor:
        """Add positions to patch tokens (B, N, C) and put tokens in front: (B, E + N, C)."""
        cls_token = self.cls_token
        if self.pos_embed is not None:
            positions = self._positions(grid)
            patches = patches + positions[:, self.arch.cls_token :]
            if cls_token is not None and self.arch.cls_position:
                cls_token = cls_token + positions[:, :1]
        front = [
            each.expand(patches.shape[0], -1, -1) for each in (cls_token, self.register_tokens) if each is not None
        ]
        return self.norm_pre(self.pos_drop(torch.cat((*front, patches), dim=1) if front else patches))

    def readout(self, x: Tensor, grid: Grid) -> Tensor:
        """Tokens (B, E + N, C) to what ``out_type`` names: (B, E + N, C), (B, C) or (B, C, *grid)."""
        if self.out_type == 'cls_token':
            return self.norm(x[:, 0])
        x = self.norm(x)
        if self.out_type in ('raw', 'attn_pool'):
            return x if self.out_type == 'raw' else self.attn_pool(x)
        patches = x[:, self.num_extra_tokens :]
        if self.out_type == 'avg_featmap':
            return self.fc_norm(patches.mean(dim=1))
        return patches.transpose(1, 2).unflatten(2, grid).contiguous()

    def run_blocks(self, x: Tensor, grid: Grid) -> tuple[Tensor, ...]:
        """Blocks up to the last of ``out_indices``; the read-out of each of these."""
        outs = {}
        for index, block in enumerate(self.blocks[: max(self.out_indices) + 1]):
            x = block(x, grid)
            if index in self.out_indices:
                outs[index] = self.readout(x, grid)
        return tuple(outs[index] for index in self.out_indices)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Images (B, 3, H, W) to one read-out for each of ``out_indices``."""
        patches, grid = self.patch_embed(images)
        return self.run_blocks(self.embed(patches, grid), grid)
