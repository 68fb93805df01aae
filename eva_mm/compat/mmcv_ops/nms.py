"""Greedy non-maximum suppression: a box goes if it overlaps a kept box of higher score too much."""

from collections.abc import Callable, Iterator

import numpy as np
import torch
import torchvision
from torch import Tensor

from .overlaps import box_areas, overlaps_with

__all__ = ['nms', 'nms_match']


def nms(boxes: Tensor, scores: Tensor, iou_threshold: float, offset: int) -> Tensor:
    """Indices of the boxes that are kept, highest score first.

    Args:
        boxes: (n, 4).
        scores: (n,).
        iou_threshold: a box that overlaps a kept one by more than this goes.
        offset: 0, or 1 for boxes whose last pixel is included.
    """
    # The compiled kernel takes a float32 threshold: 0.3 in double precision decides an overlap of 0.3 differently.
    threshold = float(np.float32(iou_threshold))
    if offset == 0:
        order = _order(scores)
        # torchvision sorts as well, but equal scores otherwise than the compiled kernel: it gets ranks instead.
        ranks = torch.arange(len(order), 0, -1, device=boxes.device).float()
        return order[torchvision.ops.nms(boxes.float()[order], ranks, threshold)]
    groups = _suppress(boxes, scores, offset, lambda overlap: overlap > threshold)
    return torch.tensor([group[0] for group in groups], dtype=torch.long, device=boxes.device)


def nms_match(dets: Tensor, iou_threshold: float) -> list[list[int]]:
    """Groups of indices, each a kept box followed by what it suppressed, all in order of the scores.

    Args:
        dets: boxes and scores (n, 5).
        iou_threshold: a box that overlaps a kept one by this or more joins its group.
    """
    threshold = np.float32(iou_threshold)
    return list(_suppress(dets[:, :4], dets[:, 4], 0, lambda overlap: overlap >= threshold))


def _order(scores: Tensor) -> Tensor:
    return scores.detach().sort(descending=True).indices


def _suppress(
    boxes: Tensor, scores: Tensor, offset: int, is_too_much: Callable[[np.ndarray], np.ndarray]
) -> Iterator[list[int]]:
    order = _order(scores).cpu().numpy()
    columns = np.ascontiguousarray(boxes.detach().float().cpu().numpy()[order].T)
    areas = box_areas(columns, offset)
    while order.size:
        overlap = overlaps_with(columns[:, 0], areas[0], columns[:, 1:], areas[1:], offset)
        goes = is_too_much(overlap)
        yield [int(order[0]), *order[1:][goes].tolist()]
        columns, areas, order = columns[:, 1:][:, ~goes], areas[1:][~goes], order[1:][~goes]
