"""Labelled images in folders named as their classes."""

from pathlib import Path

from mmengine.dataset import BaseDataset

from eva_mm.registry import DATASETS

SUFFIXES = frozenset(('.jpg', '.jpeg', '.png', '.bmp', '.ppm', '.pgm', '.tif', '.tiff', '.webp'))


def class_images(folder: Path) -> list[Path]:
    """All images below a folder, sorted; those that begin with a dot are none."""
    return sorted(
        path for path in folder.rglob('*') if path.suffix.lower() in SUFFIXES and not path.name.startswith('.')
    )


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
        samples = [
            dict(img_path=str(path), gt_label=label)
            for label, name in enumerate(self.metainfo['classes'])
            for path in class_images(folder / name)
        ]
        if not samples:
            raise FileNotFoundError(f'{folder} has no image of any class: put images into {folder}/CLASS/.')
        return samples
