"""Targets of anchors as detectron2 assigns them."""

from mmdet.models.task_modules.assigners import AssignResult, MaxIoUAssigner
from torch import Tensor

from eva_mm.registry import TASK_UTILS


@TASK_UTILS.register_module()
class OwnBestAssigner(MaxIoUAssigner):
    """mmdet's ``MaxIoUAssigner``, where every positive box keeps the object that it overlaps most.

    ``match_low_quality`` makes the best anchors of each object positive. mmdet gives such an anchor that object, even
    if it overlaps another one more; detectron2, and so the released detector, leaves it its own best.
    """

    def assign_wrt_overlaps(self, overlaps: Tensor, gt_labels: Tensor) -> AssignResult:
        """Assign by overlaps (G, A) of G objects and A boxes; labels (G,) of the objects."""
        result = super().assign_wrt_overlaps(overlaps, gt_labels)
        if overlaps.numel():
            positive = result.gt_inds > 0
            own_best = overlaps.max(dim=0).indices[positive]
            result.gt_inds[positive] = own_best + 1
            result.labels[positive] = gt_labels[own_best]
        return result
