"""Images and label maps of one's own in mmseg."""

from pathlib import Path

import numpy as np
from mmseg.datasets import BaseSegDataset
from mmseg.datasets.transforms import LoadAnnotations

from eva_mm.datasets.own.label_map_facts import ids_of_colours
from eva_mm.datasets.own.label_map_pairs import pair_label_maps
from eva_mm.registry import DATASETS, TRANSFORMS
from eva_mm.safe_io.images import opened_image


@DATASETS.register_module()
class LabelMaps(BaseSegDataset):
    """mmseg's ``BaseSegDataset`` with images and maps paired by :func:`pair_label_maps`.

    Suffixes of images may differ, and maps may end in ``_mask.png`` or the like; ``img_suffix`` and ``seg_map_suffix``
    are not looked at.
    """

    def load_data_list(self) -> list[dict]:
        """One dict for each image, sorted by path."""
        folders = (Path(self.data_prefix[key]) for key in ('img_path', 'seg_map_path'))
        facts = dict(label_map=self.label_map, reduce_zero_label=self.reduce_zero_label)
        return [
            dict(img_path=str(image), seg_map_path=str(label_map), seg_fields=[], **facts)
            for image, label_map in pair_label_maps(*folders).files
        ]


@TRANSFORMS.register_module()
class LoadColourLabels(LoadAnnotations):
    """mmseg's ``LoadAnnotations`` for maps that show each class in its colour.

    Args:
        palette: (r, g, b) of each class, in the order of the ids. Other colours are ignored in losses and metrics.
    """

    def __init__(self, palette: list[list[int]]) -> None:
        super().__init__()
        self.palette = np.asarray(palette, np.uint8)

    def _load_seg_map(self, results: dict) -> None:
        with opened_image(results['seg_map_path']) as opened:
            pixels = np.asarray(opened.convert('RGB'))
        results['gt_seg_map'] = ids_of_colours(pixels, self.palette)
        results['seg_fields'].append('gt_seg_map')
