"""The released detector's cascade, which differs from mmdet's in what it trains on and in how it scores."""

from collections.abc import Sequence

import torch
from mmdet.models.layers import multiclass_nms
from mmdet.models.utils import empty_instances
from mmdet.structures.bbox import bbox2roi, scale_boxes
from mmengine.structures import InstanceData
from torch import Tensor

from eva_mm.models.roi_heads.cascade_training import CascadeTraining
from eva_mm.models.roi_heads.maskness import maskness
from eva_mm.registry import MODELS


@MODELS.register_module()
class EVACascadeRoIHead(CascadeTraining):
    """Cascade R-CNN's second part (arXiv 1712.00726) as in the EVA release.

    Unlike mmdet's: one mask head, trained on the proposals sampled for the first stage; later stages get all boxes of
    the stage before, the ground truth's among them (give them a ``PseudoSampler``); the gradient that reaches the
    features is divided by the number of stages; the probabilities of the stages are averaged, not their logits; boxes
    are class-agnostic; ``max_per_img=-1`` in ``test_cfg`` keeps everything, and ``maskness_thr`` multiplies each score
    by the :func:`maskness` of its mask. Detections stay in the order of the suppression, whatever maskness does.

    Args:
        num_stages: Stages of the cascade.
        stage_loss_weights: Factor on the losses of each stage.
        kwargs: As for mmdet's ``CascadeRoIHead``; ``mask_head`` and ``mask_roi_extractor`` are one dict each.

    Raises:
        ValueError: A box head regresses boxes for each class.
    """

    def __init__(self, num_stages: int = 3, stage_loss_weights: Sequence[float] = (1.0, 1.0, 1.0), **kwargs) -> None:
        super().__init__(num_stages=num_stages, stage_loss_weights=stage_loss_weights, **kwargs)
        if not all(head.reg_class_agnostic for head in self.bbox_head):
            raise ValueError(
                'EVACascadeRoIHead refines one box per proposal: set reg_class_agnostic=True in every bbox_head.'
            )

    def cascade(
        self, x: tuple[Tensor, ...], proposals: Sequence[Tensor], metas: Sequence[dict]
    ) -> tuple[list[Tensor], list[Tensor]]:
        """All stages without suppression.

        Args:
            x: Maps of the pyramid.
            proposals: Boxes (n, 4) of each image, in pixels of the network's input.
            metas: Metainfo of each image.

        Returns:
            Boxes (n, 4) of the last stage and mean class probabilities (n, K + 1), for each image.
        """
        boxes, total = list(proposals), 0
        for stage, head in enumerate(self.bbox_head):
            rois = bbox2roi(boxes)
            results = self._bbox_forward(stage, x, rois)
            scores = results['cls_score']
            total = total + (head.loss_cls.get_activation(scores) if head.custom_activation else scores.softmax(dim=-1))
            boxes = self._refine(stage, rois, results['bbox_pred'], metas)
        return boxes, list((total / self.num_stages).split([len(each) for each in boxes]))

    def predict_bbox(
        self,
        x: tuple[Tensor, ...],
        batch_img_metas: list[dict],
        rpn_results_list: list[InstanceData],
        rcnn_test_cfg: dict,
        rescale: bool = False,
    ) -> list[InstanceData]:
        """Detections of each image; with ``rescale`` their boxes are in pixels of the original image."""
        proposals = [each.bboxes for each in rpn_results_list]
        boxes, probabilities = self.cascade(x, proposals, batch_img_metas)
        results = []
        for each, scores, meta in zip(boxes, probabilities, batch_img_metas):
            found = suppress(each, scores, rcnn_test_cfg)
            if rescale:
                found.bboxes = scale_boxes(found.bboxes, [1 / factor for factor in meta['scale_factor']])
            results.append(found)
        return results

    def predict_mask(
        self,
        x: tuple[Tensor, ...],
        batch_img_metas: list[dict],
        results_list: list[InstanceData],
        rescale: bool = False,
    ) -> list[InstanceData]:
        """Add ``masks`` (n, H, W) to each image's detections, and weigh their scores with maskness if asked for."""
        rois = bbox2roi([each.bboxes for each in results_list])
        if len(rois) == 0:
            return empty_instances(
                batch_img_metas,
                rois.device,
                task_type='mask',
                instance_results=results_list,
                mask_thr_binary=self.test_cfg.mask_thr_binary,
            )
        logits = self._mask_forward(x, rois).split([len(each) for each in results_list])
        threshold = self.test_cfg.get('maskness_thr')
        if threshold is not None:
            for result, masks in zip(results_list, logits):
                own = masks[torch.arange(len(masks)), result.labels].sigmoid()
                result.scores = result.scores * maskness(own, threshold)
        return self.mask_head.predict_by_feat(logits, results_list, batch_img_metas, self.test_cfg, rescale=rescale)

    def forward(self, x: tuple[Tensor, ...], rpn_results_list: list[InstanceData], batch_data_samples: list) -> tuple:
        """Boxes, class probabilities and mask logits of every proposal, without suppression."""
        metas = [sample.metainfo for sample in batch_data_samples]
        boxes, probabilities = self.cascade(x, [each.bboxes for each in rpn_results_list], metas)
        if not self.with_mask:
            return boxes, probabilities
        return boxes, probabilities, self._mask_forward(x, bbox2roi(boxes))


def suppress(boxes: Tensor, scores: Tensor, cfg: dict) -> InstanceData:
    """Boxes (n, 4) and probabilities (n, K + 1) to detections after (soft) non-maximum suppression.

    Rows with a number that is not finite are left out.

    Args:
        cfg: ``score_thr``, ``nms`` as mmcv's ``batched_nms`` takes it, ``max_per_img`` (-1 keeps all).
    """
    finite = boxes.isfinite().all(dim=1) & scores.isfinite().all(dim=1)
    found, labels = multiclass_nms(boxes[finite], scores[finite], cfg['score_thr'], cfg['nms'], cfg['max_per_img'])
    return InstanceData(bboxes=found[:, :4], scores=found[:, 4], labels=labels)
