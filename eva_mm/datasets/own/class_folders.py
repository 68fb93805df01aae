"""Labelled images in folders named as their classes."""

import logging
from pathlib import Path

from mmengine.dataset import BaseDataset
from mmengine.logging import print_log

from eva_mm.registry import DATASETS
from eva_mm.safe_io.folders import Listing, list_files
from eva_mm.safe_io.images import IMAGE_SUFFIXES


def class_images(folder: Path) -> Listing:
    """All images below a folder, sorted, and what else there is; nothing if the folder does not exist.

    Raises:
        OSError: It cannot be read.
    """
    return list_files(folder, IMAGE_SUFFIXES) if folder.is_dir() else Listing()


@DATASETS.register_module()
class ClassFolders(BaseDataset):
    """``FOLDER/CLASS/**/*.jpg`` for given classes.

    A class without a folder has no samples and keeps its label, so that a small validation set may lack some;
    mmpretrain numbers the folders that it finds. Other folders are not looked at.

    Args:
        metainfo: ``dict(classes=[...])``, the names in the order of their labels.
        data_prefix: ``dict(img_path=FOLDER)``, relative to ``data_root``.
        kwargs: As for mmengine's ``BaseDataset``.

    Raises:
        FileNotFoundError: No class has an image.
    """

    def load_data_list(self) -> list[dict]:
        """One dict with ``img_path`` and ``gt_label`` for each image."""
        folder = Path(self.data_prefix['img_path'])
        found = [class_images(folder / name) for name in self.metainfo['classes']]
        samples = [
            dict(img_path=str(path), gt_label=label) for label, images in enumerate(found) for path in images.files
        ]
        if remark := Listing.joined(found).remark():
            print_log(f'{folder}: {remark}', logger='current', level=logging.WARNING)
        if not samples:
            raise FileNotFoundError(f'{folder} has no image of any class: put images into {folder}/CLASS/.')
        return samples
