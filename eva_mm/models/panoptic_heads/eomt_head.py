"""EoMT in mmdet: instances and panoptic scenes."""

from collections.abc import Mapping
from typing import Any

from mmdet.models.dense_heads import Mask2FormerHead
from mmengine.model import BaseModule

from eva_mm.models.segments_head import SegmentsHead
from eva_mm.registry import MODELS


@MODELS.register_module()
class EoMTHead(SegmentsHead, Mask2FormerHead):
    """Classes of the queries of ``eva_mm.EVAViTEoMT``, with the losses of mmdet's ``Mask2FormerHead``.

    The ``panoptic_head`` of mmdet's ``Mask2Former``, whose fusion head makes instances and panoptic scenes of it.

    Args:
        in_channels: Channels of the backbone.
        num_things_classes, num_stuff_classes: Classes; those of things come first.
        loss_cls, loss_mask, loss_dice, train_cfg, test_cfg: See :class:`SegmentsHead`.
        init_cfg: mmengine's.
    """

    def __init__(
        self,
        in_channels: int,
        num_things_classes: int = 80,
        num_stuff_classes: int = 53,
        loss_cls: Mapping[str, Any] | None = None,
        loss_mask: Mapping[str, Any] | None = None,
        loss_dice: Mapping[str, Any] | None = None,
        train_cfg: Mapping[str, Any] | None = None,
        test_cfg: Mapping[str, Any] | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        # not Mask2FormerHead's own, which builds its decoders
        BaseModule.__init__(self, init_cfg)
        self.num_things_classes, self.num_stuff_classes = num_things_classes, num_stuff_classes
        num_classes = num_things_classes + num_stuff_classes
        self._build(in_channels, num_classes, loss_cls, loss_mask, loss_dice, train_cfg, test_cfg)
