"""Masks as the polygons that annotators drew."""

from mmdet.datasets.transforms import LoadAnnotations

from eva_mm.registry import TRANSFORMS


@TRANSFORMS.register_module()
class LoadPolygons(LoadAnnotations):
    """mmdet's ``LoadAnnotations`` with masks kept as polygons, as in the release.

    Polygons are resized and cropped exactly, and so are the boxes that are taken from them. An image with an object
    whose mask is run-length encoded, other than a crowd, gets bitmaps: mmdet would ignore the object.
    """

    def __init__(self) -> None:
        super().__init__(with_bbox=True, with_mask=True, poly2mask=False)

    def _load_masks(self, results: dict) -> None:
        self.poly2mask = any(
            isinstance(each.get('mask'), dict) and not each.get('ignore_flag') for each in results.get('instances', ())
        )
        super()._load_masks(results)
