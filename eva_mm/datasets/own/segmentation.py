"""Look through a user's folder of label maps before training: what ``--data-root`` does for segmentation."""

import colorsys
import re
from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.config import Config

from eva_mm.datasets.own.classes_of_model import dicts, set_num_classes
from eva_mm.datasets.own.depth import depth_remarks
from eva_mm.datasets.own.label_map_facts import IGNORED, MapFacts, read_facts
from eva_mm.datasets.own.label_map_pairs import pair_label_maps
from eva_mm.safe_io.files import read_lines
from eva_mm.safe_io.folders import Listing

CLASS_FILES = ('classes.txt', 'labels.txt')
# first found counts; without any, images/ and annotations/ hold everything
TRAIN_NAMES = ('training', 'train')
VAL_NAMES = ('validation', 'val')
VAL_STEP = 10
Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Part:
    """Images to train on, or to validate on.

    Attributes:
        folder: Name of the folder under ``images/`` and ``annotations/``; empty for these themselves.
        size: How many images.
        indices: Which of them are meant, sorted by name; ``None`` all.
    """

    folder: str
    size: int
    indices: list[int] | None = None


@dataclass(frozen=True)
class SegInspection:
    """What was found.

    Attributes:
        root: The folder.
        classes: Names in the order of their ids.
        palette: (r, g, b) of each class.
        reduce_zero_label: Whether 0 in a label map means unlabelled and the classes begin at 1.
        in_colours: Whether label maps show the classes in the colours of ``palette``.
        as_stored: Whether images are read without turning them as EXIF says, because their maps are not turned.
        train, val: The two parts.
        remarks: Sentences for the user about what looks odd but can be trained.
    """

    root: Path
    classes: list[str]
    palette: list[Colour]
    reduce_zero_label: bool
    in_colours: bool
    as_stored: bool
    train: Part
    val: Part
    remarks: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        zero = 'unlabelled' if self.reduce_zero_label else repr(self.classes[0])
        counts = f'{self.train.size} training and {self.val.size} validation images'
        return '\n'.join([f'{len(self.classes)} classes, {counts}, id 0 is {zero}.', *self.remarks])

    def use(self, cfg: MutableMapping) -> list[str]:
        """Point a segmentation config to these images.

        Args:
            cfg: The config; changed in place. Each head is told the number of classes, each pipeline how to read.

        Returns:
            Sentences on what of the config was left out.
        """
        set_num_classes(cfg['model'], len(self.classes))
        remarks = []
        for loader, part in (('train', self.train), ('val', self.val), ('test', self.val)):
            dataset = (cfg.get(f'{loader}_dataloader') or {}).get('dataset')
            while isinstance(dataset, Mapping) and not (dataset.keys() & {'data_prefix', 'data_root', 'ann_file'}):
                if dataset.get('datasets'):
                    left = len(dataset['datasets']) - 1
                    remarks += [f'{loader}: {left} more data sets of the config are left out.'] * bool(left)
                    dataset['datasets'] = dataset['datasets'][:1]
                inner = dataset['datasets'][0] if dataset.get('datasets') else dataset.get('dataset')
                if inner is None:
                    break
                dataset = inner
            if dataset:
                pipeline = dataset.get('pipeline')
                dataset.clear()
                dataset.update(self._dataset(part), **({} if pipeline is None else {'pipeline': pipeline}))
        for step in dicts([cfg.get(f'{loader}_dataloader') for loader in ('train', 'val', 'test')]):
            self._set_reader(step)
        return remarks

    def _set_reader(self, step: MutableMapping) -> None:
        kind = str(step.get('type')).rpartition('.')[2]
        if kind == 'LoadAnnotations':
            step.pop('reduce_zero_label', None)
            if self.in_colours:
                step.clear()
                step.update(type='eva_mm.LoadColourLabels', palette=[list(colour) for colour in self.palette])
        elif kind == 'LoadImageFromFile' and self.as_stored:
            step['color_type'] = 'color_ignore_orientation'

    def _dataset(self, part: Part) -> dict[str, Any]:
        return dict(
            type='eva_mm.LabelMaps',
            data_root=str(self.root),
            data_prefix=dict(
                img_path=str(Path('images', part.folder)), seg_map_path=str(Path('annotations', part.folder))
            ),
            reduce_zero_label=self.reduce_zero_label,
            metainfo=dict(classes=self.classes, palette=[list(colour) for colour in self.palette]),
            indices=part.indices,
        )


def distinct_colours(count: int) -> list[Colour]:
    """Colours as different as ``count`` hues in two shades can be; the same on every call."""
    shades = [(index / max(count, 1), 0.9 if index % 2 else 0.6, 0.95) for index in range(count)]
    colours = np.round(255 * np.array([colorsys.hsv_to_rgb(*shade) for shade in shades])).astype(int)
    return [(red, green, blue) for red, green, blue in colours.reshape(-1, 3).tolist()]


def _is_byte(text: str) -> bool:
    return re.fullmatch('[0-9]{1,3}', text) is not None and int(text) < 256


def _class_list(root: Path) -> tuple[list[str], list[Colour]]:
    """Names, and their colours if the file has any."""
    file = next((root / name for name in CLASS_FILES if (root / name).is_file()), None)
    if file is None:
        raise FileNotFoundError(
            f'{root} has no class list: write one name per line, in the order of the ids, to {root / CLASS_FILES[0]}.'
        )
    names, colours = [], []
    for number, line in enumerate(read_lines(file), start=1):
        if not line.strip():
            continue
        name, _, colour = line.strip().partition('\t')
        names.append(name)
        parts = colour.split()
        if parts and (len(parts) != 3 or not all(map(_is_byte, parts))):
            raise ValueError(
                f'{file}, line {number}: the colour of {name!r} is {colour!r}, expected "r g b", each from 0 to 255.'
            )
        if parts:
            red, green, blue = map(int, parts)
            colours.append((red, green, blue))
    if not names or len(set(names)) < len(names):
        raise ValueError(f'{file} lists {len(names)} names, {len(set(names))} different: list each class once.')
    if colours and len(colours) < len(names):
        raise ValueError(f'{file} gives {len(colours)} of {len(names)} classes a colour: give one to all or to none.')
    if len(names) == 1:
        raise ValueError(
            f'{file} lists one class, {names[0]!r}, and every pixel would be of it: list what is around it as a class '
            'of its own, for instance "background" in the first line.'
        )
    if len(names) > IGNORED:
        raise ValueError(f'{file} lists {len(names)} classes: mmseg reads ids of 8 bits, so {IGNORED} is the most.')
    return names, colours


def _parts(root: Path) -> Iterator[tuple[str, str]]:
    """``'train'`` and ``'val'`` with their folders; only ``'train'`` if there is no such split."""
    for part, names in (('train', TRAIN_NAMES), ('val', VAL_NAMES)):
        folder = next((name for name in names if (root / 'images' / name).is_dir()), None)
        if folder is None and part == 'train':
            yield part, ''
            return
        if folder is not None:
            yield part, folder


def _check_ids(ids: dict[Path, np.ndarray], classes: list[str]) -> bool:
    """Whether 0 means unlabelled; refuses ids that are no class."""
    largest = len(classes)
    for mask, found in ids.items():
        wrong = [int(value) for value in found if value > largest and value != IGNORED or value < 0]
        if wrong:
            raise ValueError(
                f'{mask} holds the id {wrong[0]}, but {len(classes)} classes are listed: expected 0 to '
                f'{len(classes) - 1}, or 1 to {len(classes)} with 0 for unlabelled, and {IGNORED} for ignored pixels.'
            )
    if {int(value) for found in ids.values() for value in found} == {0, IGNORED}:
        raise ValueError(
            f'{next(iter(ids))} and all others hold 0 and {IGNORED} alone, and {IGNORED} means ignored: save the '
            'second class as 1.'
        )
    return any(largest in found for found in ids.values() if largest != IGNORED)


def _as_stored(facts: dict[Path, MapFacts]) -> bool:
    """Whether maps lie over their images as these are stored, before EXIF turns them.

    Raises:
        ValueError: Some do and some do not, or it cannot be known.
    """
    first = {fact.turned: path for path, fact in reversed(facts.items())}
    if 'stored' in first and 'upright' in first:
        raise ValueError(
            f'{first["stored"]} fits its image before EXIF turns it, and {first["upright"]} afterwards: save the '
            'images without an EXIF orientation, as their maps lie.'
        )
    if 'either' in first and not {'stored', 'upright'} & set(first):
        raise ValueError(
            f'{first["either"]} fits its image before and after EXIF turns it: save the images without an EXIF '
            'orientation, as their maps lie.'
        )
    return 'stored' in first


def _in_colours(facts: dict[Path, MapFacts], colours: list[Colour]) -> bool:
    first = {fact.in_colours: path for path, fact in reversed(facts.items())}
    if len(first) == 2:
        raise ValueError(f'{first[True]} holds colours and {first[False]} numbers: save all maps in one way.')
    if True in first and len(set(colours)) < len(colours):
        raise ValueError('Two classes of the class list have one colour, and the label maps are in colours.')
    return True in first


def _divide(counts: dict[str, tuple[str, int]], root: Path) -> tuple[Part, Part, list[str]]:
    folder, count = counts['train']
    if 'val' in counts:
        return Part(folder, count), Part(*counts['val']), []
    val = list(range(VAL_STEP - 1, count, VAL_STEP)) or [count - 1]
    train = sorted(set(range(count)) - set(val))
    if not train:
        raise ValueError(f'{root} holds {count} image, expected two or more: one is needed for validation.')
    remark = f'There is no validation part, so {len(val)} images were put aside for it.'
    return Part(folder, len(train), train), Part(folder, len(val), val), [remark]


def inspect_segmentation(root: str | Path) -> SegInspection:
    """Check every label map of a folder and find out what a config has to know.

    Expected are ``images/`` and ``annotations/``, paired by :func:`pair_label_maps`, both with or without the folders
    ``training`` and ``validation`` (or ``train`` and ``val``), and ``classes.txt`` with a name per line, optionally
    followed by a tab and ``r g b``. Maps hold one number per pixel (1 to 16 bit, or a palette), or the colours of the
    class list. Without a validation part every tenth image is put aside. If the id K occurs among K classes, ids begin
    at 1 and 0 means unlabelled. Maps may lie over images as stored or as EXIF turns them, but all in one way.

    Raises:
        FileNotFoundError: The folder, its class list, its images or a label map is missing.
        ValueError: A label map holds other ids or colours, is of another size than its image, or cannot be read; there
            is one class, or more than 8 bits can count; or files contradict one another.
    """
    root = Path(root)
    for folder in (root, root / 'images', root / 'annotations'):
        if not folder.is_dir():
            raise FileNotFoundError(f'There is no folder {folder}: expected images/ and annotations/ in the data root.')
    classes, colours = _class_list(root)
    palette = np.asarray(colours, np.uint8) if colours else None
    facts: dict[Path, MapFacts] = {}
    counts, listings, images = {}, [], []
    for part, folder in _parts(root):
        pairs = pair_label_maps(root / 'images' / folder, root / 'annotations' / folder)
        images += [image for image, _ in pairs.files]
        facts |= {label_map: read_facts(label_map, image, palette) for image, label_map in pairs.files}
        listings.append(pairs.listing)
        counts[part] = (folder, len(pairs.files))
    in_colours, as_stored = _in_colours(facts, colours), _as_stored(facts)
    ids = {path: fact.ids for path, fact in facts.items()}
    reduce_zero_label = not in_colours and _check_ids(ids, classes)
    train, val, remarks = _divide(counts, root)
    skipped = Listing.joined(listings)
    remarks += [skipped.remark()] if skipped.skipped else []
    remarks += depth_remarks(images)
    turned = sum(bool(fact.turned) for fact in facts.values())
    if turned:
        how = 'read as stored, as their maps are' if as_stored else 'turned upright, as their maps are'
        remarks.append(f'{turned} images have an EXIF orientation and are {how}.')
    seen = {int(value) - reduce_zero_label for found in ids.values() for value in found}
    absent = [name for index, name in enumerate(classes) if index not in seen]
    if absent:
        remarks.append(f'{len(absent)} classes occur nowhere, for instance {absent[0]!r}.')
    shown = colours or distinct_colours(len(classes))
    return SegInspection(root.resolve(), classes, shown, reduce_zero_label, in_colours, as_stored, train, val, remarks)


def use_label_maps(cfg: Config, root: str | Path) -> str:
    """Point a segmentation config to images and label maps.

    Args:
        cfg: Changed in place.
        root: As for :func:`inspect_segmentation`, whose errors are raised.

    Returns:
        What was found, for the log.
    """
    found = inspect_segmentation(root)
    return '\n'.join((str(found), *found.use(cfg)))
