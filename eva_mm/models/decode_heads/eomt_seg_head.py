"""EoMT in mmsegmentation: semantic segmentation."""

from collections.abc import Mapping
from typing import Any

import torch
from mmengine.model import BaseModule
from mmseg.models.decode_heads import Mask2FormerHead
from mmseg.structures import SegDataSample
from torch import Tensor
from torch.nn import functional as F

from eva_mm.models.decode_heads.mask2former_head import prediction_size
from eva_mm.models.segments_head import SegmentsHead
from eva_mm.registry import MODELS


@MODELS.register_module()
class EoMTSegHead(SegmentsHead, Mask2FormerHead):
    """Classes of the queries of ``eva_mm.EVAViTEoMT``, with the losses of mmseg's ``Mask2FormerHead``.

    Args:
        in_channels: Channels of the backbone.
        num_classes: K.
        ignore_index: Label of pixels that belong to no class.
        align_corners: How masks are enlarged.
        loss_cls, loss_mask, loss_dice, train_cfg, test_cfg: See :class:`SegmentsHead`.
        init_cfg: mmengine's.
    """

    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        ignore_index: int = 255,
        align_corners: bool = False,
        loss_cls: Mapping[str, Any] | None = None,
        loss_mask: Mapping[str, Any] | None = None,
        loss_dice: Mapping[str, Any] | None = None,
        train_cfg: Mapping[str, Any] | None = None,
        test_cfg: Mapping[str, Any] | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        # not Mask2FormerHead's own, which builds its decoders
        BaseModule.__init__(self, init_cfg)
        self.out_channels, self.ignore_index, self.align_corners = num_classes, ignore_index, align_corners
        self._build(in_channels, num_classes, loss_cls, loss_mask, loss_dice, train_cfg, test_cfg)

    def predict(self, x: tuple[Any, ...], batch_img_metas: list[dict], test_cfg: dict) -> Tensor:
        """Class scores of each pixel.

        Args:
            x: What the backbone returns.
            batch_img_metas: As mmseg gives them; in sliding-window mode ``img_shape`` is the size of the window.
            test_cfg: The segmentor's, with ``mode``.

        Returns:
            (B, K, H, W), sums over the queries of class probability times mask probability; not normalised.
        """
        scores, masks = self(x[-1:], [SegDataSample(metainfo=meta) for meta in batch_img_metas])
        size = prediction_size(batch_img_metas[0], test_cfg)
        enlarged = F.interpolate(masks[-1], size, mode='bilinear', align_corners=self.align_corners)
        probabilities = scores[-1].softmax(dim=-1)[..., :-1]
        return torch.einsum('bqc,bqhw->bchw', probabilities, enlarged.sigmoid())
