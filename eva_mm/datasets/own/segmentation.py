"""Look through a user's folder of label maps before training: what ``--data-root`` does for segmentation."""

import colorsys
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.config import Config

from eva_mm.safe_io.files import exists_regular, read_lines
from eva_mm.safe_io.folders import Listing, list_files
from eva_mm.safe_io.images import opened_image
from eva_mm.safe_io.printed import reason_of

IGNORED = 255
IMAGE_SUFFIXES = ('.jpg', '.jpeg', '.png', '.bmp', '.tif', '.tiff', '.webp')
MASK_SUFFIX = '.png'
CLASS_FILES = ('classes.txt', 'labels.txt')
# first found counts; without any, images/ and annotations/ hold everything
TRAIN_NAMES = ('training', 'train')
VAL_NAMES = ('validation', 'val')
VAL_STEP = 10
# Pillow's modes whose pixels are numbers: 1 bit, 8 bit, palette indices, 16 and 32 bit
NUMBER_MODES = ('1', 'L', 'P', 'I', 'I;16', 'I;16B', 'I;16L')


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
        image_suffix: Ending of all image names.
        train, val: The two parts.
        remarks: Sentences for the user about what looks odd but can be trained.
    """

    root: Path
    classes: list[str]
    palette: list[tuple[int, int, int]]
    reduce_zero_label: bool
    image_suffix: str
    train: Part
    val: Part
    remarks: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        zero = 'unlabelled' if self.reduce_zero_label else repr(self.classes[0])
        counts = f'{self.train.size} training and {self.val.size} validation images'
        return '\n'.join([f'{len(self.classes)} classes, {counts}, id 0 is {zero}.', *self.remarks])

    def options(self, cfg: Mapping[str, Any]) -> dict[str, Any]:
        """Options that point a segmentation config to these images, for ``Config.merge_from_dict``.

        Args:
            cfg: The config; each head is told the number of classes, each pipeline what 0 means.
        """
        options: dict[str, Any] = {}
        for head in ('decode_head', 'auxiliary_head'):
            if isinstance(cfg['model'].get(head), Mapping):
                options[f'model.{head}.num_classes'] = len(self.classes)
        weights = cfg['model']['decode_head'].get('loss_cls', {}).get('class_weight')
        if weights:
            # the last weight is that of "no object"
            options['model.decode_head.loss_cls.class_weight'] = [1.0] * len(self.classes) + [weights[-1]]
        for loader, part in (('train', self.train), ('val', self.val), ('test', self.val)):
            where = f'{loader}_dataloader.dataset'
            options |= {f'{where}.{key}': value for key, value in self._dataset(part).items()}
            for index, step in enumerate(cfg[f'{loader}_dataloader']['dataset']['pipeline']):
                if step['type'] == 'LoadAnnotations' and 'reduce_zero_label' in step:
                    options[f'{where}.pipeline.{index}.reduce_zero_label'] = None
        return options

    def _dataset(self, part: Part) -> dict[str, Any]:
        return dict(
            type='BaseSegDataset',
            data_root=str(self.root),
            data_prefix=dict(
                img_path=str(Path('images', part.folder)), seg_map_path=str(Path('annotations', part.folder))
            ),
            img_suffix=self.image_suffix,
            seg_map_suffix=MASK_SUFFIX,
            reduce_zero_label=self.reduce_zero_label,
            metainfo=dict(classes=self.classes, palette=[list(colour) for colour in self.palette]),
            indices=part.indices,
        )


def distinct_colours(count: int) -> list[tuple[int, int, int]]:
    """Colours as different as ``count`` hues in two shades can be; the same on every call."""
    shades = [(index / max(count, 1), 0.9 if index % 2 else 0.6, 0.95) for index in range(count)]
    return [tuple(round(255 * part) for part in colorsys.hsv_to_rgb(*shade)) for shade in shades]


def _is_byte(text: str) -> bool:
    return re.fullmatch('[0-9]{1,3}', text) is not None and int(text) < 256


def _class_list(root: Path) -> tuple[list[str], list[tuple[int, int, int]]]:
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
        colours += [tuple(map(int, parts))] if parts else []
    if not names or len(set(names)) < len(names):
        raise ValueError(f'{file} lists {len(names)} names, {len(set(names))} different: list each class once.')
    if colours and len(colours) < len(names):
        raise ValueError(f'{file} gives {len(colours)} of {len(names)} classes a colour: give one to all or to none.')
    return names, colours or distinct_colours(len(names))


def _images(folder: Path) -> Listing:
    listing = list_files(folder, IMAGE_SUFFIXES)
    suffixes = sorted({path.suffix for path in listing.files})
    if len(suffixes) != 1:
        raise ValueError(
            f'{folder} holds images that end in {", ".join(suffixes) or "nothing known"}, expected one ending: '
            f'convert them to one of {", ".join(IMAGE_SUFFIXES)}. {listing.remark()}'.strip()
        )
    return listing


class _WrongLabelMap(ValueError):
    """A label map that can be read and does not fit."""


def _read_ids(mask: Path, image: Path) -> np.ndarray:
    """The ids that occur in a label map whose image is ``image``."""
    if not exists_regular(mask):
        raise FileNotFoundError(f'{image} has no label map: expected {mask}.')
    try:
        with opened_image(mask) as opened, opened_image(image) as picture:
            if opened.mode not in NUMBER_MODES:
                raise _WrongLabelMap(
                    f'{mask} has the colours of an image (mode {opened.mode}), expected one number per pixel: '
                    'save class ids as a grey or palette png.'
                )
            if opened.size != picture.size:
                raise _WrongLabelMap(
                    f'{mask} has {opened.size[0]} x {opened.size[1]} pixels and its image {picture.size[0]} x '
                    f'{picture.size[1]}: both must be of one size.'
                )
            return np.unique(np.asarray(opened))
    except _WrongLabelMap as error:
        raise ValueError(str(error)) from error
    # what Pillow's readers raise for damaged files differs from format to format
    except Exception as error:
        raise ValueError(f'{mask} or its image cannot be read ({reason_of(error)}): save both again.') from error


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
    return any(largest in found for found in ids.values() if largest != IGNORED)


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

    Expected are ``images/`` and ``annotations/`` with equal names, the latter png files of one number per pixel (1 to
    16 bit, or a palette), both with or without the folders ``training`` and ``validation`` (or ``train`` and ``val``),
    and ``classes.txt`` with a name per line, optionally followed by a tab and ``r g b``. Without a validation part
    every tenth image is put aside. If the id K occurs among K classes, ids begin at 1 and 0 means unlabelled.

    Raises:
        FileNotFoundError: The folder, its class list, its images or a label map is missing.
        ValueError: A label map holds other ids or colours, is of another size than its image, or cannot be read; or
            the class list or the images' endings contradict themselves.
    """
    root = Path(root)
    for folder in (root, root / 'images', root / 'annotations'):
        if not folder.is_dir():
            raise FileNotFoundError(f'There is no folder {folder}: expected images/ and annotations/ in the data root.')
    classes, palette = _class_list(root)
    ids: dict[Path, np.ndarray] = {}
    counts, suffixes, listings = {}, set(), []
    for part, folder in _parts(root):
        found = _images(root / 'images' / folder)
        images = found.files
        listings.append(found)
        for image in images:
            relative = image.relative_to(root / 'images').with_suffix(MASK_SUFFIX)
            ids[root / 'annotations' / relative] = _read_ids(root / 'annotations' / relative, image)
        counts[part] = (folder, len(images))
        suffixes.add(images[0].suffix)
    if len(suffixes) > 1:
        raise ValueError(f'{root} has images that end in {" and ".join(sorted(suffixes))}: use one ending.')
    reduce_zero_label = _check_ids(ids, classes)
    train, val, remarks = _divide(counts, root)
    skipped = Listing.joined(listings)
    remarks += [skipped.remark()] if skipped.skipped else []
    seen = {int(value) - reduce_zero_label for found in ids.values() for value in found}
    absent = [name for index, name in enumerate(classes) if index not in seen]
    if absent:
        remarks.append(f'{len(absent)} classes occur nowhere, for instance {absent[0]!r}.')
    return SegInspection(root.resolve(), classes, palette, reduce_zero_label, suffixes.pop(), train, val, remarks)


def use_label_maps(cfg: Config, root: str | Path) -> str:
    """Point a segmentation config to images and label maps.

    Args:
        cfg: Changed in place.
        root: As for :func:`inspect_segmentation`, whose errors are raised.

    Returns:
        What was found, for the log.
    """
    found = inspect_segmentation(root)
    cfg.merge_from_dict(found.options(cfg))
    return str(found)
