"""A folder of one's own images, one sub-folder a class."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmengine.config import Config

from eva_mm.datasets.own.class_folders import class_images
from eva_mm.datasets.own.depth import depth_remarks
from eva_mm.safe_io.folders import Listing
from eva_mm.safe_io.images import IMAGE_SUFFIXES


@dataclass(frozen=True)
class ClassificationInspection:
    """What a folder of images holds.

    Attributes:
        root: The folder, with ``train`` and ``val``.
        classes: Names of the sub-folders of ``train``, sorted.
        counts: Images in each split.
        remarks: What is unusual.
    """

    root: Path
    classes: tuple[str, ...]
    counts: Mapping[str, int]
    remarks: tuple[str, ...] = field(default=())

    def __str__(self) -> str:
        counts = ', '.join(f'{number} {split}' for split, number in self.counts.items())
        return '\n'.join([f'{len(self.classes)} classes, images: {counts}.', *self.remarks])

    def options(self, cfg: Mapping[str, Any]) -> dict[str, Any]:
        """Options that point a classification config to this folder, for ``Config.merge_from_dict``.

        Args:
            cfg: The config; its head and its preprocessor are told the number of classes, its metrics
                are kept to it.
        """
        options: dict[str, Any] = {'model.head.num_classes': len(self.classes)}
        if 'num_classes' in (cfg['model'].get('data_preprocessor') or {}):
            options['model.data_preprocessor.num_classes'] = len(self.classes)
        for loader, split in (('train', 'train'), ('val', 'val'), ('test', 'val')):
            if cfg.get(f'{loader}_dataloader') is None:
                continue
            dataset = cfg[f'{loader}_dataloader']['dataset']
            if 'pipeline' not in dataset:
                raise ValueError(
                    f'{loader}_dataloader of this config reads {dataset.get("type")}, a combination of data sets, '
                    f'which {self.root} cannot replace: take a config with one data set.'
                )
            options[f'{loader}_dataloader.dataset'] = dict(
                _delete_=True,
                type='eva_mm.ClassFolders',
                data_root=str(self.root),
                data_prefix=dict(img_path=split),
                metainfo=dict(classes=self.classes),
                pipeline=dataset['pipeline'],
            )
        for evaluator in ('val_evaluator', 'test_evaluator'):
            topk = (cfg.get(evaluator) or {}).get('topk', ())
            if any(k > len(self.classes) for k in topk):
                options[f'{evaluator}.topk'] = tuple(k for k in topk if k <= len(self.classes))
        return options


def _classes(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith('.'))


def inspect_classification(root: str | Path) -> ClassificationInspection:
    """Look at ``ROOT/train/CLASS/*`` and ``ROOT/val/CLASS/*``.

    Raises:
        FileNotFoundError: A split is missing, or ``val`` has no image.
        ValueError: A class of ``val`` is unknown to ``train``, a class has no image, or there are fewer than two.
    """
    root = Path(root)
    for split in ('train', 'val'):
        if not (root / split).is_dir():
            raise FileNotFoundError(
                f'{root} has no folder {split!r}: put images into {root}/train/CLASS/ and {root}/val/CLASS/.'
            )
    classes = {split: _classes(root / split) for split in ('train', 'val')}
    unknown = set(classes['val']) - set(classes['train'])
    if unknown:
        raise ValueError(f'{root}/val has the class {min(unknown)!r}, which {root}/train lacks: rename or move it.')
    if len(classes['train']) < 2:
        raise ValueError(f'{root}/train has {len(classes["train"])} class folders: at least two are expected.')
    found = {split: {name: class_images(root / split / name) for name in names} for split, names in classes.items()}
    images = {split: {name: len(each.files) for name, each in names.items()} for split, names in found.items()}
    empty = [name for name, count in images['train'].items() if not count]
    if empty:
        raise ValueError(
            f'{root}/train/{empty[0]} has no image ({", ".join(sorted(IMAGE_SUFFIXES))}): add some, or remove the '
            'folder.'
        )
    counts = {split: sum(numbers.values()) for split, numbers in images.items()}
    if not counts['val']:
        raise FileNotFoundError(f'{root}/val has no image: put some of each class into {root}/val/CLASS/.')
    missing = [name for name in classes['train'] if not images['val'].get(name)]
    remarks = [f'{len(missing)} classes have no validation image, the first is {missing[0]}.'] if missing else []
    skipped = Listing.joined(each for names in found.values() for each in names.values())
    remarks += [skipped.remark()] if skipped.skipped else []
    remarks += depth_remarks(skipped.files)
    return ClassificationInspection(root, tuple(classes['train']), counts, tuple(remarks))


def use_class_folders(cfg: Config, root: str | Path) -> str:
    """Point a classification config to ``train/CLASS`` and ``val/CLASS`` folders.

    Args:
        cfg: Changed in place.
        root: As for :func:`inspect_classification`, whose errors are raised.

    Returns:
        What was found, for the log.
    """
    found = inspect_classification(root)
    cfg.merge_from_dict(found.options(cfg))
    return str(found)
