"""Any annotation file in the format of LVIS, with the classes that it names itself."""

from typing import Any

from mmdet.datasets import LVISV1Dataset

from eva_mm.registry import DATASETS


@DATASETS.register_module()
class LVISFormatDataset(LVISV1Dataset):
    """mmdet's ``LVISV1Dataset`` whose class names are those of the file, in the order of their ids.

    For LVIS v1 itself they are the same 1203; other files in its format may have others.
    """

    @property
    def lvis(self) -> Any:
        """The parsed file; mmdet sets it while it loads and deletes it afterwards."""
        return self._lvis

    @lvis.setter
    def lvis(self, parsed: Any) -> None:
        # lvis lists categories as the file does; labels are to follow their ids, as with COCO
        parsed.cats = dict(sorted(parsed.cats.items()))
        self._lvis = parsed
        self._metainfo['classes'] = tuple(category['name'] for category in parsed.cats.values())

    @lvis.deleter
    def lvis(self) -> None:
        del self._lvis
