"""Objects with boxes and masks, in COCO's format of results."""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from mmengine.config import Config
from mmengine.registry import VISUALIZERS, DefaultScope
from pycocotools.mask import encode
from torch import nn

from eva_mm.apis.errors import UserError
from eva_mm.apis.inference.base import Inferencer, Result
from eva_mm.apis.inference.classes import class_palette
from eva_mm.apis.inference.coco_ids import read_coco_ids
from eva_mm.apis.inference.pipeline import Sample


def run_length_code(mask: np.ndarray) -> dict[str, Any]:
    """COCO's compressed run-length code of a mask (H, W), as json takes it."""
    code = encode(np.asfortranarray(mask.astype(np.uint8)))
    return dict(size=code['size'], counts=code['counts'].decode())


class DetectionInferencer(Inferencer):
    """Boxes, and masks where the model has them.

    Args:
        model, cfg, classes, half: See :class:`Inferencer`.
        score_thr: What scores less is not drawn; the prediction keeps it.

    Raises:
        UserError: ``score_thr`` is not between 0 and 1.
    """

    task = 'detection'
    options = ('score_thr',)
    pads = True

    def __init__(
        self, model: nn.Module, cfg: Config, classes: Sequence[str] = (), half: bool = False, score_thr: float = 0.3
    ) -> None:
        if not 0 <= score_thr <= 1:
            raise UserError(f'score_thr={score_thr} must be between 0 and 1.')
        super().__init__(model, cfg, classes, half)
        self.score_thr = score_thr
        self.ids = read_coco_ids(cfg)
        self.category_ids = self.ids.of_classes(self.classes)
        with DefaultScope.overwrite_default_scope('mmdet'):
            self.visualizer = VISUALIZERS.build(dict(type='DetLocalVisualizer', name=f'detections of {id(self)}'))
        palette = class_palette(cfg, model, len(self.classes))
        self.visualizer.dataset_meta = dict(classes=self.classes, palette=palette)

    def _draw(self, name: str, sample: Sample, output: Any) -> np.ndarray:
        with warnings.catch_warnings():
            # of every box that touches the border
            warnings.filterwarnings('ignore', message='.*out of bounds')
            self.visualizer.add_datasample(name, sample.picture, output, draw_gt=False, pred_score_thr=self.score_thr)
        return self.visualizer.get_image()

    def describe(self, result: Result, sample: Sample, output: Any, pictures: bool) -> Result:
        """Fill in ``detections``, best first, and draw them."""
        found = output.pred_instances.cpu().numpy()
        height, width = sample.picture.shape[:2]
        boxes = found.bboxes.astype(float)
        boxes[:, 2:] -= boxes[:, :2]
        detections = [
            dict(
                category_id=self.category_ids[label],
                name=self.classes[label],
                bbox=[round(value, 2) for value in box],
                score=round(float(score), 5),
            )
            for label, box, score in zip(found.labels.tolist(), boxes.tolist(), found.scores.tolist())
        ]
        if 'masks' in found:
            for detection, mask in zip(detections, found.masks):
                detection['segmentation'] = run_length_code(mask)
        detections.sort(key=lambda each: -each['score'])
        result.prediction = dict(height=height, width=width, detections=detections)
        if pictures:
            result.picture = self._draw(result.input, sample, output)
        return result
