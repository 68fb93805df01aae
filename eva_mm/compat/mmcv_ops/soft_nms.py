"""Soft non-maximum suppression (Bodla et al., arXiv 1704.04503): overlapping boxes lose score instead of vanishing."""

import numpy as np
import torch
from torch import Tensor

from .overlaps import box_areas, overlaps_with

__all__ = ['softnms']

NAIVE, LINEAR, GAUSSIAN = range(3)
AREA, SCORE = 4, 5  # rows of the working array, below the four coordinates


def softnms(
    boxes: Tensor,
    scores: Tensor,
    dets: Tensor,
    iou_threshold: float,
    sigma: float,
    min_score: float,
    method: int,
    offset: int,
) -> Tensor:
    """Fill ``dets`` with boxes and decayed scores in the order of choice, and return their indices (kept,).

    The box of highest score is chosen, the scores of all others decay with their overlap, and those that fall below
    ``min_score`` go; the place of one that went is taken by the last one left. Among equal scores the first place
    wins, so that rule decides their order, as it does in the compiled kernel.

    Args:
        boxes: (n, 4), on the CPU.
        scores: (n,), on the CPU.
        dets: the result (n, 5), of which the first ``kept`` rows are written.
        iou_threshold: overlap from which the naive and the linear method act.
        sigma: width of the gaussian method.
        min_score: a box below this goes, unless it is the very first.
        method: 0 naive, 1 linear, 2 gaussian.
        offset: 0, or 1 for boxes whose last pixel is included.
    """
    columns = boxes.detach().float().numpy().T
    table = np.concatenate([columns, box_areas(columns, offset)[None], scores.detach().float().numpy()[None]])
    order = np.arange(table.shape[1])
    left, place = order.size, 0
    while place < left:
        chosen = place + _first_highest(table[SCORE, place:left])
        table[:, [place, chosen]] = table[:, [chosen, place]]
        order[[place, chosen]] = order[[chosen, place]]
        rest = table[:, place + 1 : left]
        overlap = overlaps_with(table[:4, place], table[AREA, place], rest[:4], rest[AREA], offset)
        rest[SCORE] *= _decay(overlap, method, np.float32(iou_threshold), np.float32(sigma))
        goes = rest[SCORE] < np.float32(min_score)
        if goes.any():
            _fill_gaps(rest, goes)
            _fill_gaps(order[place + 1 : left], goes)
            left -= int(goes.sum())
        place += 1
    dets[:left] = torch.from_numpy(table[[0, 1, 2, 3, SCORE], :left].T.copy())
    return torch.from_numpy(order[:left])


def _first_highest(scores: np.ndarray) -> int:
    """Place of the first highest score; NaN is passed over, and stays where it is if it comes first."""
    highest = int(scores.argmax())
    if np.isnan(scores[highest]):
        return 0 if np.isnan(scores[0]) else int(np.nanargmax(scores))
    return highest


def _decay(overlap: np.ndarray, method: int, threshold: np.float32, sigma: np.float32) -> np.ndarray:
    if method == NAIVE:
        return np.where(overlap >= threshold, np.float32(0), np.float32(1))
    if method == LINEAR:
        return np.where(overlap >= threshold, 1 - overlap, np.float32(1))
    # Through double precision: NumPy's float32 exponential is off by more than the C library's.
    return np.exp((-(overlap * overlap) / sigma).astype(np.float64)).astype(np.float32)


def _fill_gaps(columns: np.ndarray, goes: np.ndarray) -> None:
    """Move what stays to the front of the last axis: the first gap takes the last that stays, and so on."""
    kept = int((~goes).sum())
    gaps = np.flatnonzero(goes[:kept])
    columns[..., gaps] = columns[..., kept + np.flatnonzero(~goes[kept:])[::-1]]
