"""Look through a user's folder of videos before training: what ``--data-root`` does for video tasks. Plain Python."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmengine.config import Config

from eva_mm.datasets.video.lists import Entry, class_folders, class_names, number_labels, read_entries
from eva_mm.safe_io.files import read_lines

# first found counts
TRAIN_NAMES = ('train', 'train.csv', 'train.txt', 'train_list.txt')
VAL_NAMES = ('val', 'validation', 'test', 'val.csv', 'val.txt', 'val_list.txt', 'test.csv', 'test.txt')

VAL_SHARE = 0.1


@dataclass(frozen=True)
class Part:
    """Videos to train on, or to validate on.

    Attributes:
        ann_file: List or csv file; empty if ``folder`` holds a folder per class.
        folder: What paths are relative to.
        indices: Which lines are meant; ``None`` all.
        labels: Class number of each video.
    """

    ann_file: str
    folder: str
    indices: list[int] | None
    labels: list[int]


@dataclass(frozen=True)
class VideoInspection:
    """What was found.

    Attributes:
        classes: Names by number.
        train, val: The two parts.
        remarks: Sentences for the user about what looks odd but can be trained.
    """

    classes: list[str]
    train: Part
    val: Part
    remarks: list[str]

    def __str__(self) -> str:
        train, val = len(self.train.labels), len(self.val.labels)
        return '\n'.join([f'{len(self.classes)} classes, {train} training and {val} validation videos.', *self.remarks])

    def options(self, cfg: Mapping[str, Any]) -> dict[str, Any]:
        """Options that point a video config to these videos, for ``Config.merge_from_dict``.

        Args:
            cfg: The config; blending augments and the classifier are told the number of classes.
        """
        options: dict[str, Any] = {
            'model.cls_head.num_classes': len(self.classes),
            'model.cls_head.start_from': None,
        }
        blending = cfg['model'].get('data_preprocessor', {}).get('blending') or {}
        for index in range(len(blending.get('augments', ()))):
            options[f'model.data_preprocessor.blending.augments.{index}.num_classes'] = len(self.classes)
        for loader, part in (('train', self.train), ('val', self.val), ('test', self.val)):
            where = f'{loader}_dataloader.dataset'
            options[f'{where}.data_root'] = None
            options[f'{where}.ann_file'] = part.ann_file
            options[f'{where}.data_prefix'] = dict(video=part.folder)
            options[f'{where}.metainfo'] = dict(classes=self.classes)
            options[f'{where}.indices'] = part.indices
        return options


def _first(root: Path, names: tuple[str, ...]) -> Path | None:
    """The first that is a list, or a folder with a folder for each class: a flat one belongs to a list."""
    found = [root / name for name in names if (root / name).exists()]
    whole = [path for path in found if path.is_file() or any(entry.is_dir() for entry in path.iterdir())]
    return next(iter(whole or found), None)


def _folder(source: Path, entries: list[Entry]) -> Path:
    """What the paths of a list are relative to: its folder, or, as in mmaction2, ``train`` for ``train_list.txt``."""
    if source.is_dir():
        return source
    home, path = source.parent, entries[0][0]
    flat = home / source.stem.removesuffix('_list')
    return flat if not (home / path).exists() and (flat / path).exists() else home


def _names(entries: list[Entry], source: Path) -> list[str]:
    """Class names; classes that are given by number are called by it, or as ``classes.txt`` beside the list says."""
    names = class_folders(source) if source.is_dir() else class_names(entries)
    if names:
        return names
    labels = [label for _, label in entries if isinstance(label, int)]
    if min(labels) < 0:
        raise ValueError(f'{source} has videos without a class: write "path class" in every line.')
    listed = source.with_name('classes.txt')
    names = read_lines(listed) if listed.is_file() else []
    names = [name.strip() for name in names if name.strip()]
    return names if len(names) > max(labels) else [str(number) for number in range(max(labels) + 1)]


def _split(labels: list[int]) -> tuple[list[int], list[int]]:
    """Indices to train and to validate on: of each class every ``1 / VAL_SHARE``-th video, at least one of two."""
    seen: Counter[int] = Counter()
    train, val = [], []
    totals = Counter(labels)
    step = round(1 / VAL_SHARE)
    for index, label in enumerate(labels):
        seen[label] += 1
        last_of_few = totals[label] < step and seen[label] == totals[label] > 1
        (val if seen[label] % step == 0 or last_of_few else train).append(index)
    return train, val


def _part(source: Path, folder: Path, entries: list[Entry], classes: list[str], indices: list[int] | None) -> Part:
    labels = [label for _, label in number_labels(entries, classes)]
    chosen = labels if indices is None else [labels[index] for index in indices]
    return Part('' if source.is_dir() else str(source.resolve()), str(folder.resolve()), indices, chosen)


def _missing(part: Part, name: str) -> list[str]:
    """A remark if a list names files that do not exist.

    Raises:
        FileNotFoundError: None of them exists.
    """
    if not part.ann_file:
        return []
    paths = [path for path, _ in read_entries(Path(part.ann_file))]
    missing = [path for path in paths if not Path(part.folder, path).is_file()]
    if len(missing) == len(paths):
        raise FileNotFoundError(
            f'{part.ann_file} lists {len(paths)} videos, none of which exists; the first is {missing[0]!r}: '
            f'write paths relative to {part.folder}.'
        )
    return [f'{len(missing)} of {len(paths)} {name} videos do not exist, the first is {missing[0]}.'] if missing else []


def _remarks(train: Part, val: Part, classes: list[str]) -> list[str]:
    counts = Counter(train.labels)
    rare = [name for number, name in enumerate(classes) if counts[number] < 2]
    remarks = [f'{len(rare)} classes have fewer than 2 training videos, for instance {rare[0]!r}.'] if rare else []
    if train.indices is not None:
        remarks.append(f'There is no validation part, so {len(val.labels)} videos were put aside for it.')
        return remarks + _missing(train, 'listed')
    return remarks + _missing(train, 'training') + _missing(val, 'validation')


def inspect_video(root: str | Path) -> VideoInspection:
    """Find classes, training and validation videos.

    Taken are: ``root/train`` and ``root/val`` with a folder of videos for each class; ``root/train.csv`` and
    ``root/val.csv`` (or ``.txt`` lists) with paths relative to ``root``; ``root/train_list.txt`` and
    ``root/val_list.txt`` with paths relative to ``root/train`` and ``root/val``; ``root`` itself with a folder for
    each class; a csv file with paths relative to its folder. Without a validation part every tenth video of a class is
    put aside. No video is opened.

    Raises:
        FileNotFoundError: ``root`` does not exist or holds no videos in any of these forms, or no listed one exists.
        ValueError: Validation has a class that training lacks, there is only one class, or a csv file has other
            columns.
    """
    root = Path(root)
    if not root.exists():
        raise FileNotFoundError(f'The data root {root} does not exist: give a folder of videos or a csv file.')
    source = root if root.is_file() else _first(root, TRAIN_NAMES) or root
    entries = read_entries(source)
    classes = _names(entries, source)
    if len(classes) < 2:
        raise ValueError(f'{source} has the one class {classes[0]!r}, expected two or more: give each its own folder.')
    folder = _folder(source, entries)
    val_source = None if source == root else _first(root, VAL_NAMES)
    if val_source is not None:
        val_entries = read_entries(val_source)
        train = _part(source, folder, entries, classes, None)
        val = _part(val_source, _folder(val_source, val_entries), val_entries, classes, None)
    else:
        train_indices, val_indices = _split([label for _, label in number_labels(entries, classes)])
        train = _part(source, folder, entries, classes, train_indices)
        val = _part(source, folder, entries, classes, val_indices)
    return VideoInspection(classes, train, val, _remarks(train, val, classes))


def use_videos(cfg: Config, root: str | Path) -> str:
    """Point a video config to folders or lists of videos.

    Args:
        cfg: Changed in place.
        root: As for :func:`inspect_video`, whose errors are raised.

    Returns:
        What was found, for the log.
    """
    found = inspect_video(root)
    cfg.merge_from_dict(found.options(cfg))
    return str(found)
