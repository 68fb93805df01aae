"""Any annotation file in the format of LVIS, with the classes that it names itself."""

from mmdet.datasets import LVISV1Dataset

from eva_mm.registry import DATASETS


@DATASETS.register_module()
class LVISFormatDataset(LVISV1Dataset):
    """mmdet's ``LVISV1Dataset`` whose class names are those of the file, not LVIS's 1203, in the order of their ids."""

    def load_data_list(self) -> list[dict]:
        """Images with their annotations, as mmdet's data sets give them."""
        from lvis import LVIS

        categories = LVIS(self.ann_file).cats
        self._metainfo['classes'] = tuple(categories[key]['name'] for key in sorted(categories))
        return super().load_data_list()
