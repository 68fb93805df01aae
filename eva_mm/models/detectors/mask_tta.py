"""Test-time augmentation of boxes and masks, over sizes and mirror images."""

from collections.abc import Sequence

import torch
from mmdet.structures import DetDataSample
from mmdet.structures.bbox import bbox2roi, bbox_flip
from mmengine.model import BaseTTAModel
from mmengine.structures import InstanceData
from torch import Tensor

from eva_mm.models.roi_heads.cascade_roi_head import suppress
from eva_mm.models.roi_heads.maskness import maskness
from eva_mm.registry import MODELS


def to_view(boxes: Tensor, meta: dict) -> Tensor:
    """Boxes (n, 4) of the original image to pixels of a view, scaled and mirrored."""
    boxes = boxes * boxes.new_tensor(meta['scale_factor']).repeat(2)
    return bbox_flip(boxes, meta['img_shape'], meta['flip_direction']) if meta.get('flip') else boxes


def from_view(boxes: Tensor, meta: dict) -> Tensor:
    """Inverse of :func:`to_view`."""
    if meta.get('flip'):
        boxes = bbox_flip(boxes, meta['img_shape'], meta['flip_direction'])
    return boxes / boxes.new_tensor(meta['scale_factor']).repeat(2)


@MODELS.register_module()
class MaskTTAModel(BaseTTAModel):
    """Runs the cascade on every view, suppresses all boxes together, and averages the masks of the boxes that are left.

    The boxes found in all views compete in one suppression; then the mask head looks at the survivors in every view,
    and their probabilities are averaged before they are cut at the threshold. For detectors with
    :class:`eva_mm.models.roi_heads.EVACascadeRoIHead`, with or without a mask head; views may be mirrored horizontally.

    Args:
        tta_cfg: Overrides of the RoI head's ``test_cfg`` (``score_thr``, ``nms``, ``max_per_img``, ``maskness_thr``).
        kwargs: As for mmengine's ``BaseTTAModel``.
    """

    def __init__(self, tta_cfg: dict | None = None, **kwargs) -> None:
        super().__init__(**kwargs)
        self.tta_cfg = tta_cfg or {}

    @property
    def test_cfg(self) -> dict:
        """The RoI head's settings with our overrides."""
        return {**self.module.roi_head.test_cfg, **self.tta_cfg}

    @torch.no_grad()
    def test_step(self, data: dict) -> list[DetDataSample]:
        """Detections of each image in a batch of views, ``inputs[view][image]`` and ``data_samples[view][image]``."""
        views = [self._detect(*view) for view in zip(data['inputs'], data['data_samples'])]
        merged = self.merge_preds(list(zip(*(samples for _, samples in views))))
        if self.module.roi_head.with_mask:
            for index, sample in enumerate(merged):
                maps = [([level[index : index + 1] for level in view], samples[index]) for view, samples in views]
                self._add_masks(sample, maps)
        return merged

    def _detect(
        self, inputs: Sequence[Tensor], samples: Sequence[DetDataSample]
    ) -> tuple[tuple[Tensor, ...], list[DetDataSample]]:
        """Maps of a view, and its samples with all boxes, in pixels of the original image, and their probabilities."""
        model = self.module
        batch = model.data_preprocessor(dict(inputs=inputs, data_samples=samples), False)
        maps, samples = model.extract_feat(batch['inputs']), batch['data_samples']
        proposals = [each.bboxes for each in model.rpn_head.predict(maps, samples, rescale=False)]
        metas = [sample.metainfo for sample in samples]
        for sample, boxes, scores in zip(samples, *model.roi_head.cascade(maps, proposals, metas)):
            sample.pred_instances = InstanceData(bboxes=from_view(boxes, sample.metainfo), scores=scores)
        return maps, samples

    def merge_preds(self, data_samples_list: Sequence[Sequence[DetDataSample]]) -> list[DetDataSample]:
        """Boxes and class probabilities of the views of each image to its detections."""
        merged = []
        for views in data_samples_list:
            found = InstanceData.cat([view.pred_instances for view in views])
            sample = DetDataSample(metainfo=views[0].metainfo)
            sample.pred_instances = suppress(found.bboxes, found.scores, self.test_cfg)
            merged.append(sample)
        return merged

    def _add_masks(self, sample: DetDataSample, views: list[tuple[list[Tensor], DetDataSample]]) -> None:
        head, found = self.module.roi_head, sample.pred_instances
        meta = dict(sample.metainfo, scale_factor=(1.0, 1.0))
        total = 0
        for maps, view in views:
            logits = head._mask_forward(maps, bbox2roi([to_view(found.bboxes, view.metainfo)]))
            masks = logits.sigmoid()
            total = total + (masks.flip(-1) if view.metainfo.get('flip') else masks)
        masks = total / len(views)
        threshold = self.test_cfg.get('maskness_thr')
        if threshold is not None:
            own = masks[torch.arange(len(masks)), found.labels]
            found.scores = found.scores * maskness(own, threshold)
        # the mask head turns logits into probabilities once more
        (sample.pred_instances,) = head.mask_head.predict_by_feat(
            [masks.logit(eps=1e-6)], [found], [meta], head.test_cfg, rescale=True
        )
