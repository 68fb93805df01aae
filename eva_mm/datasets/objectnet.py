"""ObjectNet with its own class names, for classifiers made of words."""

import logging
from pathlib import Path

from mmengine.dataset import BaseDataset
from mmengine.logging import print_log

from eva_mm.registry import DATASETS
from eva_mm.safe_io.files import read_json
from eva_mm.safe_io.folders import Listing, list_files

NAMES = 'folder_to_objectnet_label.json'
SHARED = 'objectnet_to_imagenet_1k.json'


@DATASETS.register_module()
class ObjectNet(BaseDataset):
    """Images of the 113 classes that ObjectNet shares with ImageNet-1K, as it is unpacked.

    Labels are the positions in the sorted names of ``mappings/objectnet_to_imagenet_1k.json``. Images still have their
    red border of 2 pixels, see :class:`eva_mm.CropBorder`.

    Args:
        kwargs: As for mmengine's ``BaseDataset``; ``data_root`` holds ``images/`` and ``mappings/``.

    Raises:
        FileNotFoundError: ``data_root`` has no ``mappings/`` with both files.
    """

    def load_data_list(self) -> list[dict]:
        """One dict with ``img_path`` and ``gt_label`` for each image."""
        root = Path(self.data_root)
        for name in (NAMES, SHARED):
            if not (root / 'mappings' / name).is_file():
                raise FileNotFoundError(f'{root} has no mappings/{name}: unpack objectnet-1.0 there.')
        names, shared = (read_json(root / 'mappings' / name) for name in (NAMES, SHARED))
        if not isinstance(names, dict) or not isinstance(shared, dict):
            raise ValueError(f'{root}/mappings: {NAMES} and {SHARED} must be dicts; unpack objectnet-1.0 again.')
        classes = sorted(shared)
        self._metainfo['classes'] = tuple(classes)
        labels = {folder: classes.index(name) for folder, name in names.items() if name in classes}
        folders = sorted(path for path in (root / 'images').iterdir() if path.name in labels and path.is_dir())
        found = {folder.name: list_files(folder, ('.png',)) for folder in folders}
        if remark := Listing.joined(found.values()).remark():
            print_log(f'{root}: {remark}', logger='current', level=logging.WARNING)
        return [
            dict(img_path=str(path), gt_label=labels[name]) for name, listing in found.items() for path in listing.files
        ]
