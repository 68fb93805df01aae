"""What the backward pass of an EVA trunk keeps in memory, counted operation by operation.

Nothing here is measured or fitted. An operation of autograd keeps certain tensors until the backward pass; each is
listed once with its shape, and two operations that keep the same storage share one entry. ``tests/apis`` compares the
sums with the bytes that ``torch.autograd.graph.saved_tensors_hooks`` sees.

Shape letters: B images, N tokens, C channels, F hidden channels of the MLP, h heads, d channels of a head. Dropout is
0, as in every EVA recipe; masks of stochastic depth (one number for each sample) are left out.
"""

import math
from dataclasses import dataclass

from torch import nn

from eva_mm.layers import WindowAttention
from eva_mm.layers.checkpointing import WithCp

# bytes of what layers compute, of the residual stream, and whether weights are cast to half precision on the fly
PRECISIONS = {'fp32': (4, 4, False), 'half': (2, 2, False), 'amp': (2, 4, True)}
DEVICES = ('cuda', 'cpu')


@dataclass(frozen=True)
class Setting:
    """How a trunk is run.

    Args:
        batch_size: Images B on one device.
        precision: ``'fp32'``; ``'half'``, weights and activations in fp16 or bf16 (DeepSpeed); ``'amp'``, fp32 weights
            under autocast.
        device: ``'cuda'`` or ``'cpu'``, whose fused attention keeps slightly different tensors.

    Raises:
        ValueError: Unknown precision or device, or no image.
    """

    batch_size: int
    precision: str = 'half'
    device: str = 'cuda'

    def __post_init__(self) -> None:
        if self.precision not in PRECISIONS or self.device not in DEVICES or self.batch_size < 1:
            raise ValueError(
                f'A memory account needs batch_size >= 1, precision in {tuple(PRECISIONS)} and device in {DEVICES}, '
                f'got {self.batch_size}, {self.precision!r} and {self.device!r}.'
            )

    @property
    def value(self) -> int:
        """Bytes of a number that a layer computes."""
        return PRECISIONS[self.precision][0]

    @property
    def residual(self) -> int:
        """Bytes of a number of the residual stream; under autocast the fp32 positions make it fp32."""
        return PRECISIONS[self.precision][1]

    @property
    def casts_weights(self) -> bool:
        """Whether autocast keeps a half precision copy of every matrix."""
        return PRECISIONS[self.precision][2]

    @property
    def statistics(self) -> int:
        """Bytes of mean and reciprocal deviation of one normalised token."""
        return 8 if self.device == 'cuda' or self.residual == 4 else 2 * self.residual


@dataclass(frozen=True)
class BlockAccount:
    """Bytes of one block.

    Args:
        saved: Name of a tensor to the bytes that it holds from the forward to the backward pass.
        checkpoint: Bytes that activation checkpointing keeps instead: the input of the block.
        selective: Bytes that its selective kind keeps instead, see
            :func:`eva_mm.layers.checkpointing.run_checkpointed`.
        working: Bytes that the largest step of its backward pass needs for a moment.
        casts: Bytes of half precision copies of its weights under autocast, else 0.
    """

    saved: dict[str, int]
    checkpoint: int
    selective: int
    working: int
    casts: int

    @property
    def total(self) -> int:
        """Bytes kept without activation checkpointing."""
        return sum(self.saved.values())

    def kept(self, with_cp: WithCp) -> int:
        """Bytes kept with checkpointing of this kind."""
        return {False: self.total, True: self.checkpoint, 'selective': self.selective}[with_cp]


def _fp32_attention(attn: nn.Module, rows: int, tokens: int, setting: Setting) -> tuple[dict[str, int], int]:
    """:func:`eva_mm.layers.attention.attend_fp32`: logits and softmax are whole fp32 matrices."""
    channels, heads = rows * attn.proj.in_features, attn.num_heads
    matrix = rows * heads * tokens
    kept = {'query fp32': 4 * channels, 'key fp32': 4 * channels, 'value': setting.value * channels}
    kept['softmax fp32'] = 4 * matrix
    if setting.value != 4:
        kept['probabilities'] = setting.value * matrix
    kept['attended'] = setting.value * channels
    # gradients of probabilities, their fp32 cast, and of the logits
    return kept, (setting.value + 8) * matrix


def _fused_attention(
    attn: nn.Module, rows: int, sides: tuple[int, ...], setting: Setting
) -> tuple[dict[str, int], int]:
    """torch's fused kernels; a relative position appends a channel for each row and column to queries and keys."""
    channels, heads = rows * attn.proj.in_features, attn.num_heads
    kept = {'log-sum-exp': 4 * rows * heads, 'attended': setting.value * channels}
    if attn.rel_pos is None:
        kept['query, key, value'] = 3 * setting.value * channels
        return kept, 4 * setting.value * channels
    terms = setting.value * rows * heads * sum(sides)
    wide = setting.value * channels + terms
    kept |= {'query for rows': setting.value * channels, 'query for columns': setting.value * channels}
    if (setting.device, setting.precision) == ('cpu', 'fp32'):
        # computed in chunks, from copies whose heads are contiguous
        kept |= {'query, key, value': 3 * setting.value * channels, 'row and column terms': terms}
        kept |= {'log-sum-exp': 0, 'attended by head': setting.value * channels}
        return kept, 4 * wide
    kept |= {'query and terms': wide, 'key and one-hot': wide}
    if setting.device == 'cpu':
        # values are padded to the width of the keys, so the projection's output is not kept, and the result is copied
        kept |= {'value padded': wide, 'attended padded': wide}
    else:
        kept['query, key, value'] = 3 * setting.value * channels
    return kept, 4 * wide


def account_of_block(block: nn.Module, tokens: int, grid: tuple[int, ...], setting: Setting) -> BlockAccount:
    """Account of one :class:`eva_mm.layers.Block`.

    Args:
        block: The block; only its sizes are read, so it may be on the meta device.
        tokens: N, class token included.
        grid: Shape of the patch tokens.
        setting: Batch, precision and device.
    """
    attn, dims, hidden = block.attn, block.mlp.fc1.in_features, block.mlp.fc1.out_features
    rows = setting.batch_size * tokens
    attended, length, sides = rows, tokens, grid
    if isinstance(attn, WindowAttention):
        side = attn.window_size
        length, sides = side * side, (side, side)
        attended = setting.batch_size * math.prod(-(-extent // side) for extent in grid) * length
    kernel = (
        _fp32_attention(attn, attended, length, setting)
        if attn.fp32
        else _fused_attention(attn, attended, sides, setting)
    )
    value, stream = setting.value, setting.residual * rows * dims
    saved = {
        'input of norm1': stream,
        'statistics': 2 * setting.statistics * rows,
        'input of qkv': value * attended * dims,
        **kernel[0],
        'input of norm2': stream,
        'input of fc1': value * rows * dims,
        'input of gelu': value * rows * hidden,
        'input of fc2': value * rows * hidden,
    }
    if block.gamma_1 is not None:
        saved['unscaled branches'] = 2 * value * rows * dims
    working = max(kernel[1], 2 * value * rows * hidden) + 2 * stream
    casts = sum(p.numel() for p in block.parameters() if p.ndim > 1) * value if setting.casts_weights else 0
    # the input, what three of the four linear layers give, and the result of a fused kernel where there is one
    selective = stream + value * (4 * attended * dims + rows * hidden)
    if statistics := kernel[0].get('log-sum-exp'):
        selective += statistics + kernel[0].get('attended padded', kernel[0]['attended'])
    return BlockAccount(saved, stream, selective, working, casts)


def training_grid(backbone: nn.Module) -> tuple[int, ...]:
    """Grid of patch tokens that a backbone is built for: its largest relative table, else its positions."""
    grid = tuple(backbone.grid)
    for block in backbone.blocks:
        relative = getattr(block.attn, 'rel_pos', None)
        if hasattr(relative, 'h') and not isinstance(block.attn, WindowAttention):
            grid = tuple((table.shape[0] + 1) // 2 for table in (relative.h, relative.w))
    return grid


def block_accounts(backbone: nn.Module, setting: Setting, grid: tuple[int, ...] | None = None) -> list[BlockAccount]:
    """One account for each block of a backbone, in order; EVA-L's decoder follows its encoder.

    Frozen blocks in front of everything that is trained keep nothing.

    Args:
        backbone: Any :class:`eva_mm.EVAViT` but the adapter, whose spatial prior is no block.
        setting: Batch, precision and device.
        grid: Shape of the patch tokens; default :func:`training_grid`.
    """
    grid = grid or training_grid(backbone)
    patches, extra = math.prod(grid), backbone.num_extra_tokens
    visible = patches
    if hasattr(backbone, 'decoder_blocks'):
        visible = int(patches * (1 - backbone.mask_ratio))
    stacks = ((backbone.blocks, extra + visible), (getattr(backbone, 'decoder_blocks', ()), extra + patches))
    trained = any(p.requires_grad for name, p in backbone.named_parameters() if '.' not in name or 'embed.' in name)
    accounts = []
    for blocks, tokens in stacks:
        for block in blocks:
            trained = trained or any(p.requires_grad for p in block.parameters())
            account = account_of_block(block, tokens, grid, setting)
            accounts.append(account if trained else BlockAccount({}, 0, 0, 0, 0))
    return accounts


def mim_head_bytes(hidden: int, dims: int, out_dims: int, setting: Setting) -> int:
    """Bytes that :class:`eva_mm.MaskedFeatureHead` keeps.

    Args:
        hidden: Hidden patches of one image.
        dims: Channels C of a token.
        out_dims: Channels D of the teacher's features.
        setting: Batch and precision.
    """
    # tokens for the linear layer; prediction and target in fp32 with their norms
    return setting.batch_size * hidden * (setting.value * dims + 4 * (2 * out_dims + 2))


@dataclass(frozen=True)
class TrunkAccount:
    """Bytes of a whole trunk on one device, without weights and gradients.

    Args:
        forward: What is kept when the forward pass ends, by part.
        last: What is still kept, or recomputed, when the backward pass reaches the first block.
        working: The largest step of the backward pass.
    """

    forward: dict[str, int]
    last: int
    working: int

    @property
    def total(self) -> int:
        """Bytes kept between forward and backward pass."""
        return sum(self.forward.values())


def account_of_trunk(
    backbone: nn.Module, setting: Setting, *, grid: tuple[int, ...] | None = None, with_cp: WithCp | None = None
) -> TrunkAccount:
    """Account of embedding, blocks and the norm of the read-out.

    Args:
        backbone: As for :func:`block_accounts`; may be on the meta device.
        setting: Batch, precision and device.
        grid: Shape of the patch tokens; default :func:`training_grid`.
        with_cp: Activation checkpointing of every block, of either kind; ``None`` takes what the backbone has.
    """
    grid = grid or training_grid(backbone)
    with_cp = backbone.blocks[0].with_cp if with_cp is None else with_cp
    blocks = block_accounts(backbone, setting, grid)
    patch = backbone.patch_embed
    pixels = math.prod(grid) * math.prod(patch.patch_size) * patch.proj.in_channels
    trained = any(p.requires_grad for p in patch.parameters()) and patch.grad_scale
    forward = {'images': setting.batch_size * pixels * (setting.value if trained else 0)}
    forward['blocks'] = sum(block.kept(with_cp) for block in blocks)
    forward['weights cast by autocast'] = sum(block.casts for block in blocks)
    if setting.casts_weights and trained:
        forward['weights cast by autocast'] += setting.value * patch.proj.weight.numel()
    tokens = {'raw': backbone.num_extra_tokens + math.prod(grid), 'featmap': 0}.get(backbone.out_type, 1)
    forward['read-out'] = setting.batch_size * tokens * (setting.residual * backbone.embed_dims + setting.statistics)
    largest = max(blocks, key=lambda block: block.total)
    last = largest.total if with_cp else blocks[0].total
    if with_cp:
        # the block that is recomputed first meets what is kept of all others
        forward['recomputed block'] = blocks[-1].total - (blocks[-1].selective if with_cp == 'selective' else 0)
    return TrunkAccount(forward, last, max(block.working for block in blocks))
