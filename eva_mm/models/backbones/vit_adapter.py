"""Convolutional side network of ViT-Adapter (arXiv 2205.08534) as the EVA segmentation release has it.

Shape letters: B batch, C channels, (H, W) the grid of patch tokens (stride 16), N = H * W, M prior tokens of the three
prior maps (strides 8, 16 and 32) laid out one after the other.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from mmcv.ops import MultiScaleDeformableAttention
from torch import Tensor, nn

from eva_mm.layers.block import DropPath
from eva_mm.layers.checkpointing import WithCp, run_checkpointed
from eva_mm.layers.layer_norm import LayerNorm, Norm


def to_tokens(maps: Iterable[Tensor]) -> Tensor:
    """Maps (B, C, h, w) to their tokens one after the other, (B, sum of h * w, C)."""
    return torch.cat([each.flatten(2).transpose(1, 2) for each in maps], dim=1)


class TokenMaps:
    """Where the tokens of L maps, (h, w) each in ``grids``, lie, in the form deformable attention asks for.

    Attributes:
        shapes: (L, 2) int64, the grids.
        starts: (L,) int64, index of the first token of each map.
        centres: (1, sum of h * w, 1, 2), (x, y) of each token's centre, in 0..1 of its map.
    """

    def __init__(self, grids: Sequence[tuple[int, int]], device: torch.device) -> None:
        self.grids = [tuple(grid) for grid in grids]
        self.shapes = torch.tensor(self.grids, dtype=torch.long, device=device)
        sizes = self.shapes.prod(dim=1)
        self.starts = sizes.cumsum(0) - sizes
        self.centres = torch.cat([self._centres(grid, device) for grid in self.grids])[None, :, None]

    @staticmethod
    def _centres(grid: tuple[int, int], device: torch.device) -> Tensor:
        y, x = ((torch.arange(side, device=device) + 0.5) / side for side in grid)
        # operators that ONNX has, other than torch.cartesian_prod
        return torch.stack((x.expand(len(y), -1), y[:, None].expand(-1, len(x))), dim=-1).flatten(0, 1)

    def split(self, tokens: Tensor) -> list[Tensor]:
        """Tokens (B, sum of h * w, C) to one map (B, C, h, w) each."""
        parts = tokens.split([height * width for height, width in self.grids], dim=1)
        # contiguous, for torch 2.11's batch_norm returns wrong gradients on a CPU for a transposed map of one image
        return [part.transpose(1, 2).unflatten(2, grid).contiguous() for part, grid in zip(parts, self.grids)]


def _conv(in_channels: int, out_channels: int, norm: Norm, stride: int = 2) -> tuple[nn.Module, ...]:
    conv = nn.Conv2d(in_channels, out_channels, 3, stride=stride, padding=1, bias=False)
    return conv, norm(out_channels), nn.ReLU(inplace=True)


class SpatialPrior(nn.Module):
    """Convolutions over the image that give maps of strides 4, 8, 16 and 32 with C = ``dims`` channels.

    The stem has ``hidden`` channels, deeper maps have 2, 4 and 4 times as many; ``norm`` normalises a map. Images have
    ``in_channels``.
    """

    def __init__(self, dims: int, hidden: int, norm: Norm, in_channels: int = 3) -> None:
        super().__init__()
        stem = (*_conv(in_channels, hidden, norm), *_conv(hidden, hidden, norm, 1), *_conv(hidden, hidden, norm, 1))
        self.stem = nn.Sequential(*stem, nn.MaxPool2d(3, stride=2, padding=1))
        self.conv2 = nn.Sequential(*_conv(hidden, 2 * hidden, norm))
        self.conv3 = nn.Sequential(*_conv(2 * hidden, 4 * hidden, norm))
        self.conv4 = nn.Sequential(*_conv(4 * hidden, 4 * hidden, norm))
        self.fc1, self.fc2, self.fc3, self.fc4 = (nn.Conv2d(ratio * hidden, dims, 1) for ratio in (1, 2, 4, 4))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """(B, 3, 16 H, 16 W) to four maps; a side of the last is rounded up where H or W is odd."""
        c1 = self.stem(images)
        c2 = self.conv2(c1)
        c3 = self.conv3(c2)
        return self.fc1(c1), self.fc2(c2), self.fc3(c3), self.fc4(self.conv4(c3))


class ConvFFN(nn.Module):
    """Linear, 3x3 convolution of each channel on its own over every map, GELU, Linear on the prior tokens."""

    def __init__(self, dims: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(dims, hidden)
        # nested as in the released names
        self.dwconv = nn.ModuleDict({'dwconv': nn.Conv2d(hidden, hidden, 3, padding=1, groups=hidden)})
        self.act = nn.GELU()
        self.fc2 = nn.Linear(hidden, dims)

    def forward(self, tokens: Tensor, maps: TokenMaps) -> Tensor:
        """(B, M, C) to (B, M, C)."""
        hidden = (self.dwconv['dwconv'](each) for each in maps.split(self.fc1(tokens)))
        return self.fc2(self.act(to_tokens(hidden)))


class DeformableAttention(nn.Module):
    """What injector and extractor share: normalised queries read from normalised features.

    Args:
        dims, num_heads: Channels C, and heads of the deformable attention.
        with_cp: Activation checkpointing, see :func:`eva_mm.layers.checkpointing.run_checkpointed`.
        options: Of mmcv's attention: ``num_points`` that each head samples in each of ``num_levels`` maps, and
            ``value_proj_ratio``, channels of the values as a part of C.
    """

    num_levels = 1

    def __init__(self, dims: int, num_heads: int, with_cp: WithCp = False, **options: Any) -> None:
        super().__init__()
        self.query_norm, self.feat_norm, self.with_cp = LayerNorm(dims), LayerNorm(dims), with_cp
        options |= dict(num_levels=self.num_levels, dropout=0.0, batch_first=True)
        self.attn = MultiScaleDeformableAttention(dims, num_heads, **options)

    def attend(self, query: Tensor, query_maps: TokenMaps, feat: Tensor, feat_maps: TokenMaps) -> Tensor:
        """Read (B, Nq, C) from ``feat`` (B, Nf, C), without residual."""
        return self.attn(
            self.query_norm(query),
            value=self.feat_norm(feat),
            # mmcv always adds a residual; a scalar zero costs no memory
            identity=query.new_zeros(()),
            reference_points=query_maps.centres.to(query.dtype),
            spatial_shapes=feat_maps.shapes,
            level_start_index=feat_maps.starts,
        )

    def forward(self, *args: Tensor | TokenMaps) -> Tensor:
        """Updated ``query``, (B, Nq, C); arguments as for :meth:`attend`."""
        return run_checkpointed(self._update, *args, with_cp=self.with_cp)


class Injector(DeformableAttention):
    """Patch tokens read from the prior; ``gamma`` starts at 0, so that a new adapter leaves the trunk as it was."""

    num_levels = 3

    def __init__(self, dims: int, *args: Any, **kwargs: Any) -> None:
        super().__init__(dims, *args, **kwargs)
        self.gamma = nn.Parameter(torch.zeros(dims))

    def _update(self, query: Tensor, query_maps: TokenMaps, feat: Tensor, feat_maps: TokenMaps) -> Tensor:
        return query + self.gamma * self.attend(query, query_maps, feat, feat_maps)


class Extractor(DeformableAttention):
    """Prior tokens read from the patch tokens, then pass a convolutional feed-forward net with ``ffn_ratio`` times C
    hidden channels and stochastic depth ``drop_path``."""

    def __init__(self, dims: int, *args: Any, ffn_ratio: float = 0.25, drop_path: float = 0.0, **kwargs: Any) -> None:
        super().__init__(dims, *args, **kwargs)
        self.ffn, self.ffn_norm = ConvFFN(dims, int(dims * ffn_ratio)), LayerNorm(dims)
        self.drop_path = DropPath(drop_path)

    def _update(self, query: Tensor, query_maps: TokenMaps, feat: Tensor, feat_maps: TokenMaps) -> Tensor:
        query = query + self.attend(query, query_maps, feat, feat_maps)
        return query + self.drop_path(self.ffn(self.ffn_norm(query), query_maps))


class Interaction(nn.Module):
    """Inject the prior, run a group of blocks, extract into the prior, by 1 + ``extra`` extractors in turn."""

    def __init__(self, *args: Any, extra: int, ffn_ratio: float, drop_path: float, **kwargs: Any) -> None:
        super().__init__()
        self.injector = Injector(*args, **kwargs)
        kwargs.update(ffn_ratio=ffn_ratio, drop_path=drop_path)
        self.extractor = Extractor(*args, **kwargs)
        self.extra_extractors = nn.ModuleList(Extractor(*args, **kwargs) for _ in range(extra))

    def forward(
        self, x: Tensor, x_maps: TokenMaps, prior: Tensor, prior_maps: TokenMaps, blocks: Iterable[nn.Module]
    ) -> tuple[Tensor, Tensor]:
        """Tokens in front and patch tokens (B, E + N, C), and prior tokens (B, M, C), to the same."""
        extra = x.shape[1] - x_maps.centres.shape[1]
        x = torch.cat((x[:, :extra], self.injector(x[:, extra:], x_maps, prior, prior_maps)), dim=1)
        for block in blocks:
            x = block(x, x_maps.grids[0])
        for extractor in (self.extractor, *self.extra_extractors):
            prior = extractor(prior, prior_maps, x[:, extra:], x_maps)
        return x, prior
