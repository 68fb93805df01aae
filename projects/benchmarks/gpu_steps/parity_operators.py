"""Every operator of ``mmcv.ops`` that eva_mm stands in for, called as the hosts call it."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import mmcv.ops
import torch
from mmcv.ops.multi_scale_deform_attn import MultiScaleDeformableAttnFunction
from torch import Tensor, nn

from gpu_steps.parity import Case

# kernels of eva_mm.compat.mmcv_ops that each operator below runs
KERNELS = {
    'roi_align': ('roi_align_forward', 'roi_align_backward'),
    'roi_pool': ('roi_pool_forward', 'roi_pool_backward'),
    'nms': ('nms',),
    'nms_match': ('nms_match',),
    'soft_nms': ('softnms',),
    'bbox_overlaps': ('bbox_overlaps',),
    'deformable attention': ('ms_deform_attn_forward', 'ms_deform_attn_backward'),
    'deform_conv2d': ('deform_conv_forward', 'deform_conv_backward_input', 'deform_conv_backward_parameters'),
    'modulated_deform_conv2d': ('modulated_deform_conv_forward', 'modulated_deform_conv_backward'),
    'sigmoid_focal_loss': ('sigmoid_focal_loss_forward', 'sigmoid_focal_loss_backward'),
    'softmax_focal_loss': ('softmax_focal_loss_forward', 'softmax_focal_loss_backward'),
    'carafe': ('carafe_forward', 'carafe_backward'),
    'carafe_naive': ('carafe_naive_forward', 'carafe_naive_backward'),
    'masked_conv2d': ('masked_im2col_forward', 'masked_col2im_forward'),
}


class _Call(nn.Module):
    """A function as a module."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, *inputs: Tensor) -> Any:
        return self.function(*inputs)


def _boxes(number: int, extent: float) -> Tensor:
    """Corners (number, 4) that overlap, in quarters of a pixel, which bf16 holds up to 64 pixels."""
    corner = torch.rand(number, 2) * extent / 2
    boxes = torch.cat((corner, corner + extent / 8 + torch.rand(number, 2) * extent / 3), dim=1)
    return (4 * boxes).round() / 4


def _scores(number: int) -> Tensor:
    """Distinct scores in random order that every precision holds."""
    return (1 + torch.randperm(number)) / 256


def _without_gradients(function: Callable[..., Any], *options: Any) -> Callable[[Tensor, Tensor], Any]:
    """A function of two tensors that is not differentiated."""

    def call(one: Tensor, other: Tensor) -> Any:
        return function(one.detach(), other.detach(), *options)

    return call


def _matches(boxes: Tensor, scores: Tensor) -> list[Tensor]:
    dets = torch.cat((boxes, scores[:, None]), dim=1).detach()
    return [torch.as_tensor(group) for group in mmcv.ops.nms_match(dets, 0.4)]


def _pooling(side: int) -> tuple[Tensor, Tensor]:
    """Features (2, 8, side, side) at a quarter of the image, and boxes in it."""
    image = torch.arange(24)[:, None] % 2
    return torch.randn(2, 8, side, side), torch.cat((image, _boxes(24, min(4 * side, 60))), dim=1)


def _attention(tokens: int) -> tuple[Tensor, ...]:
    shapes = torch.tensor([[tokens, tokens], [tokens // 2, tokens // 2]])
    start = torch.tensor([0, tokens**2])
    value = torch.randn(2, int(shapes.prod(1).sum()), 4, 22)
    weights = torch.rand(2, 40, 4, 2, 4).softmax(-1)
    return value, shapes, start, torch.rand(2, 40, 4, 2, 4, 2), weights


def _focal(function: Callable[..., Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
    return lambda scores, target: function(scores, target, 2.0, 0.25)


def operator_cases(size: str) -> Iterator[Case]:
    """A case for each operator and for each of its ways through the code."""
    side = {'full': 64, 'nano': 16}[size]
    ops = mmcv.ops

    def case(name: str, function: Callable[..., Any], inputs: Callable[[], Sequence[Tensor]]) -> Case:
        assert name.partition(',')[0] in KERNELS, name
        return Case(name, lambda: (_Call(function), inputs()), 'operator')

    def pooling() -> Sequence[Tensor]:
        return _pooling(side)

    def scored() -> Sequence[Tensor]:
        return _boxes(200, 60), _scores(200)

    for mode in ('avg', 'max'):
        for ratio in (0, 2):

            def align(features: Tensor, rois: Tensor, mode: str = mode, ratio: int = ratio) -> Tensor:
                return ops.roi_align(features, rois.detach(), (7, 7), 0.25, ratio, mode, True)

            yield case(f'roi_align, {mode}, sampling {ratio}', align, pooling)
    yield case('roi_pool', lambda features, rois: ops.roi_pool(features, rois.detach(), (7, 7), 0.25), pooling)
    for offset in (0, 1):
        yield case(f'nms, offset {offset}', _without_gradients(ops.nms, 0.5, offset), scored)
    yield case('nms_match', _matches, scored)
    for method in ('linear', 'gaussian', 'naive'):
        yield case(f'soft_nms, {method}', _without_gradients(ops.soft_nms, 0.5, 0.5, 1e-3, method), scored)
    for mode in ('iou', 'iof'):
        overlaps = _without_gradients(ops.bbox_overlaps, mode)
        yield case(f'bbox_overlaps, {mode}', overlaps, lambda: (_boxes(30, 60), _boxes(20, 60)))
    attend = MultiScaleDeformableAttnFunction.apply
    yield case('deformable attention', lambda *inputs: attend(*inputs, 64), lambda: _attention(side))

    def deformed(modulated: bool) -> Sequence[Tensor]:
        features, weight = torch.randn(2, 16, side, side), torch.randn(8, 8, 3, 3) / 8
        offset, mask = torch.randn(2, 18, side, side), torch.rand(2, 9, side, side)
        return (features, offset, mask, weight, torch.randn(8)) if modulated else (features, offset, weight)

    yield case('deform_conv2d', lambda *inputs: ops.deform_conv2d(*inputs, 1, 1, 1, 2, 1), lambda: deformed(False))
    modulated = ops.modulated_deform_conv2d
    yield case('modulated_deform_conv2d', lambda *inputs: modulated(*inputs, 1, 1, 1, 2, 1), lambda: deformed(True))
    for name, background in (('sigmoid_focal_loss', 1), ('softmax_focal_loss', 0)):
        target = torch.arange(64) % (10 + background)
        yield case(name, _focal(getattr(ops, name)), lambda target=target: (torch.randn(64, 10), target))

    def upsampled() -> Sequence[Tensor]:
        return torch.randn(2, 16, side, side), torch.randn(2, 50, 2 * side, 2 * side).softmax(1)

    yield case('carafe', lambda features, masks: ops.carafe(features, masks, 5, 2, 2), upsampled)
    # mmcv refuses its gradients on a CPU; the kernel is the one behind carafe's
    yield case('carafe_naive', _without_gradients(ops.carafe_naive, 5, 2, 2), upsampled)

    def masked() -> Sequence[Tensor]:
        mask = (torch.arange(side**2) % 3 == 0).view(1, side, side)
        return torch.randn(1, 16, side, side), mask, torch.randn(8, 16, 3, 3) / 12, torch.randn(8)

    def convolve(features: Tensor, mask: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return ops.masked_conv2d(features, mask.to(features), weight, bias, 1)

    yield case('masked_conv2d', convolve, masked)
