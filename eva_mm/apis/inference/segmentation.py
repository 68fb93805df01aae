"""A class for every pixel."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from mmengine.config import Config
from mmengine.registry import VISUALIZERS, DefaultScope
from torch import nn

from eva_mm.apis.inference.base import Inferencer, Result
from eva_mm.apis.inference.classes import class_palette
from eva_mm.apis.inference.pipeline import Sample


class SegmentationInferencer(Inferencer):
    """A class for every pixel of an image, in its own size.

    Args:
        model, cfg, classes, half: See :class:`Inferencer`.
    """

    task = 'segmentation'

    def __init__(self, model: nn.Module, cfg: Config, classes: Sequence[str] = (), half: bool = False) -> None:
        super().__init__(model, cfg, classes, half)
        palette = class_palette(cfg, model, len(self.classes))
        with DefaultScope.overwrite_default_scope('mmseg'):
            self.visualizer = VISUALIZERS.build(
                dict(type='SegLocalVisualizer', name=f'segments of {id(self)}', alpha=0.6)
            )
        self.visualizer.dataset_meta = dict(classes=self.classes, palette=palette)

    def describe(self, result: Result, sample: Sample, output: Any, pictures: bool) -> Result:
        """Fill in ``classes``, the largest first, and ``labels``, and draw them."""
        labels = output.pred_sem_seg.data[0].cpu().numpy()
        present, counts = np.unique(labels, return_counts=True)
        shares = sorted(zip(counts.tolist(), present.tolist()), reverse=True)
        result.prediction = dict(
            height=labels.shape[0],
            width=labels.shape[1],
            classes=[
                dict(label=label, name=self.classes[label], share=round(count / labels.size, 6))
                for count, label in shares
            ],
        )
        result.arrays['labels'] = labels.astype(np.uint8 if len(self.classes) <= 256 else np.uint16)
        if pictures:
            self.visualizer.add_datasample(result.input, sample.picture, output, draw_gt=False)
            result.picture = self.visualizer.get_image()
        return result
