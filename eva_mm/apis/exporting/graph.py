"""A model as one function from pixels to tensors, which a graph can hold."""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from eva_mm.errors import UserError

PARTS = ('model', 'backbone')


class PoolByMatrices(nn.Module):
    """``nn.AdaptiveAvgPool2d`` for maps of one size, as two products with constant matrices.

    Runtimes have no adaptive pooling whose output does not divide its input.
    """

    def __init__(self, output_size: int | Sequence[int]) -> None:
        super().__init__()
        self.output = (output_size, output_size) if isinstance(output_size, int) else tuple(output_size)

    @staticmethod
    def _means(size: int, bins: int) -> Tensor:
        """(bins, size): row i averages from ``floor(i * size / bins)`` to ``ceil((i + 1) * size / bins)``."""
        first = torch.arange(bins) * size // bins
        last = -(-(torch.arange(1, bins + 1) * size) // bins)
        place = torch.arange(size)
        inside = ((place >= first[:, None]) & (place < last[:, None])).float()
        return inside / inside.sum(1, keepdim=True)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C, bins, bins)."""
        rows, columns = (self._means(int(size), bins) for size, bins in zip(x.shape[-2:], self.output))
        return rows.to(x) @ x @ columns.to(x).T


def _without_adaptive_pooling(module: nn.Module) -> None:
    for name, child in module.named_children():
        if isinstance(child, nn.AdaptiveAvgPool2d):
            setattr(module, name, PoolByMatrices(child.output_size))
        else:
            _without_adaptive_pooling(child)


def _keep_positions(backbone: Any) -> None:
    """Let each grid's resized table of positions be computed once: from the second call on it is a constant."""
    if not hasattr(backbone, '_positions'):
        return
    resize, tables = backbone._positions, {}

    def kept(grid: Sequence[int]) -> Tensor:
        sides = tuple(int(side) for side in grid)
        if sides not in tables:
            tables[sides] = resize(sides)
        return tables[sides]

    backbone._positions = kept


def tensors_of(output: Any) -> Iterator[Tensor]:
    """All tensors of a model's output, in order."""
    if isinstance(output, Tensor):
        yield output
    elif isinstance(output, dict):
        for value in output.values():
            yield from tensors_of(value)
    elif isinstance(output, (list, tuple)):
        for value in output:
            yield from tensors_of(value)


def _backbone_of(model: Any) -> nn.Module:
    return getattr(model, 'visual', None) or model.backbone


class Graph(nn.Module):
    """What is exported: images or clips in RGB, 0 to 255, to the raw outputs of a model.

    Call it once before it is traced: what depends on the size alone is computed then, and is a constant afterwards.

    Args:
        model: A model of any host, in evaluation mode; its preprocessor's mean and deviation become part of the graph.
        part: ``'model'`` or ``'backbone'``.

    Attributes:
        kind: What the outputs are, in words.

    Raises:
        UserError: The model has no outputs of fixed number, because it suppresses overlapping boxes on the way.
    """

    def __init__(self, model: nn.Module, part: str = 'model') -> None:
        super().__init__()
        self.model, self.part = model, part
        self.kind = 'feature maps or tokens' if part == 'backbone' else self._kind()
        _without_adaptive_pooling(model)
        _keep_positions(_backbone_of(model))
        preprocessor = getattr(model, 'data_preprocessor', None)
        for name, default in (('mean', 0.0), ('std', 1.0)):
            value = getattr(preprocessor, name, None)
            value = torch.full((3,), default) if value is None else value.detach().float().flatten()
            self.register_buffer(name, value, persistent=False)

    def _kind(self) -> str:
        model: Any = self.model
        if hasattr(model, 'roi_head'):
            raise UserError(
                f'{type(model).__name__} chooses proposals by suppression inside, which gives no graph of fixed '
                'shapes: export its backbone with --part backbone, or a detector of one stage.'
            )
        kinds = {
            'encode_image': 'the image embedding, of length 1',
            'decode_head': 'scores of the classes of each pixel',
            'cls_head': 'scores of the classes before softmax',
            'bbox_head': "the head's raw outputs: scores before sigmoid level by level, then boxes; none is suppressed",
            'panoptic_head': 'scores of the classes of each query, then its mask logits',
            'extract_feat': 'scores of the classes before softmax',
        }
        return next(kind for attribute, kind in kinds.items() if hasattr(model, attribute))

    def input_shape(self, size: Sequence[int] | None = None) -> tuple[int, ...]:
        """(3, H, W), or (3, T, H, W) for video, of ``size`` (height, width) or of the backbone's positions."""
        backbone: Any = _backbone_of(self.model)
        *frames, height, width = backbone.img_size
        height, width = size or (height, width)
        return (len(self.mean), *frames, height, width)

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """(B, 3, H, W), or (B, 3, T, H, W) for video, to the outputs."""
        shape = (1, -1) + (1,) * (image.ndim - 2)
        x = (image - self.mean.view(shape)) / self.std.view(shape)
        output = _backbone_of(self.model)(x) if self.part == 'backbone' else self._run(x)
        return tuple(tensors_of(output))

    def _run(self, x: Tensor) -> Any:
        model: Any = self.model
        side = tuple(int(each) for each in x.shape[-2:])
        meta = dict.fromkeys(('img_shape', 'ori_shape', 'pad_shape', 'batch_input_shape'), side)
        if hasattr(model, 'encode_image'):
            return model.encode_image(x)
        if hasattr(model, 'decode_head'):
            return model.encode_decode(x, [dict(meta)] * x.shape[0])
        if hasattr(model, 'cls_head'):
            return model.cls_head(model.backbone(x))
        if hasattr(model, 'panoptic_head'):
            return model.panoptic_head(model.extract_feat(x), [])
        if hasattr(model, 'bbox_head'):
            return model.bbox_head(model.extract_feat(x))
        return model(x, mode='tensor')
