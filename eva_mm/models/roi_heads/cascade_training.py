"""What the released cascade is made of and trained on."""

from collections.abc import Sequence

import torch
from mmdet.models.roi_heads import CascadeRoIHead
from mmdet.models.task_modules.samplers import SamplingResult
from mmdet.models.utils import unpack_gt_instances
from mmdet.registry import MODELS as MMDET_MODELS
from mmdet.structures.bbox import bbox2roi
from mmengine.structures import InstanceData
from torch import Tensor, nn

from eva_mm.layers.patch_embed import scale_gradient


class CascadeTraining(CascadeRoIHead):
    """One mask head, stages that train on all boxes of the stage before, and a shared gradient.

    The mask head is trained on the proposals sampled for the first stage. Give later stages a ``PseudoSampler``.
    """

    def init_mask_head(self, mask_roi_extractor: dict, mask_head: dict) -> None:
        """Build the one mask head and its RoI extractor."""
        self.mask_roi_extractor = MMDET_MODELS.build(mask_roi_extractor)
        self.mask_head = MMDET_MODELS.build(mask_head)

    def init_weights(self) -> None:
        """Initialise as mmdet, and the masks' last layer as detectron2: near zero."""
        super().init_weights()
        if self.with_mask:
            nn.init.normal_(self.mask_head.conv_logits.weight, std=0.001)

    def _bbox_forward(self, stage: int, x: tuple[Tensor, ...], rois: Tensor) -> dict[str, Tensor]:
        extractor = self.bbox_roi_extractor[stage]
        features = extractor(x[: extractor.num_inputs], rois)
        if self.training:
            features = scale_gradient(features, 1 / self.num_stages)
        cls_score, bbox_pred = self.bbox_head[stage](features)
        return dict(cls_score=cls_score, bbox_pred=bbox_pred, bbox_feats=features)

    def _mask_forward(self, x: tuple[Tensor, ...], rois: Tensor) -> Tensor:
        """Mask logits (n, K, h, w)."""
        return self.mask_head(self.mask_roi_extractor(x[: self.mask_roi_extractor.num_inputs], rois))

    def _sample(
        self,
        stage: int,
        boxes: Sequence[Tensor],
        targets: Sequence[InstanceData],
        ignored: Sequence[InstanceData],
    ) -> list[SamplingResult]:
        samples = []
        for priors, gt, gt_ignored in zip(boxes, targets, ignored):
            proposals = InstanceData(priors=priors)
            assigned = self.bbox_assigner[stage].assign(proposals, gt, gt_ignored)
            samples.append(self.bbox_sampler[stage].sample(assigned, proposals, gt))
        return samples

    def _refine(self, stage: int, rois: Tensor, bbox_pred: Tensor, metas: Sequence[dict]) -> list[Tensor]:
        """Boxes (n, 4) of each image after a stage, clipped to the image; rois (n, 5) begin with the image's index."""
        boxes = []
        for index, meta in enumerate(metas):
            own = rois[:, 0] == index
            boxes.append(self.bbox_head[stage].regress_by_class(rois[own, 1:], None, bbox_pred[own], meta))
        return boxes

    def loss(self, x: tuple[Tensor, ...], rpn_results_list: list[InstanceData], batch_data_samples: list) -> dict:
        """Losses ``s<stage>.loss_cls``, ``s<stage>.loss_bbox`` and, with a mask head, ``loss_mask``."""
        targets, ignored, metas = unpack_gt_instances(batch_data_samples)
        boxes = [proposals.bboxes for proposals in rpn_results_list]
        losses, first_samples = {}, None
        for stage, weight in enumerate(self.stage_loss_weights):
            samples = self._sample(stage, boxes, targets, ignored)
            first_samples = first_samples or samples
            results = self.bbox_loss(stage, x, samples)
            for name, value in results['loss_bbox'].items():
                losses[f's{stage}.{name}'] = value * weight if 'loss' in name else value
            with torch.no_grad():
                boxes = self._refine(stage, results['rois'], results['bbox_pred'], metas)
                boxes = [each[(each[:, 2:] > each[:, :2]).all(dim=1)] for each in boxes]
        if self.with_mask:
            losses.update(self.mask_loss(x, first_samples, targets))
        return losses

    def mask_loss(
        self, x: tuple[Tensor, ...], samples: list[SamplingResult], targets: list[InstanceData]
    ) -> dict[str, Tensor]:
        """Loss of the masks of the positive proposals of the first stage."""
        logits = self._mask_forward(x, bbox2roi([sample.pos_priors for sample in samples]))
        return self.mask_head.loss_and_target(logits, samples, targets, self.train_cfg[0])['loss_mask']
