"""ObjectNet with its own class names, for classifiers made of words."""

from pathlib import Path

from mmengine.dataset import BaseDataset

from eva_mm.registry import DATASETS
from eva_mm.safe_io.files import read_json

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
        names = read_json(root / 'mappings' / NAMES)
        classes = sorted(read_json(root / 'mappings' / SHARED))
        self._metainfo['classes'] = tuple(classes)
        return [
            dict(img_path=str(path), gt_label=classes.index(names[folder.name]))
            for folder in sorted((root / 'images').iterdir())
            if names.get(folder.name) in classes
            for path in sorted(folder.glob('*.png'))
        ]
