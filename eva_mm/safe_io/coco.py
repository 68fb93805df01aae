"""Annotations in COCO's format that pycocotools can take.

Its C code trusts what it is given: a coordinate of 1e9 or NaN ends the process, a run-length code longer than its mask
makes it read or loop without end, one that is shorter leaves memory uninitialised.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from eva_mm.safe_io.images import DEFAULT_LIMITS, ImageSizeError, check_size
from eva_mm.safe_io.printed import shown

# twice the longest side that an image may have
MAX_COORDINATE = 2.0 * DEFAULT_LIMITS.max_side
# a mask is never resized by its short side
_MASKS = DEFAULT_LIMITS._replace(max_ratio=math.inf)
# pycocotools walks along an outline pixel by pixel, at five times the resolution
MAX_OUTLINE = 2_000_000
# of a compressed run-length code: a character holds 5 bits and whether more follow, from '0' on
_FIRST, _LAST, _MORE, _SIGN = 48, 111, 32, 16


def is_number(value: Any) -> bool:
    """Whether a value is a finite number of at most :data:`MAX_COORDINATE`."""
    return type(value) in (int, float) and -MAX_COORDINATE <= value <= MAX_COORDINATE


def box_problem(box: Any) -> str:
    """Why a value is not a box [x, y, width, height]; empty if it is one."""
    if isinstance(box, (list, tuple)) and len(box) == 4 and all(map(is_number, box)):
        return ''
    return f'has the bbox {shown(box)}, expected [x, y, width, height] in pixels, at most {MAX_COORDINATE:,.0f}'


def polygon_problem(polygon: Any) -> str:
    """Why a value is not a polygon [x, y, x, y, ...]; empty if it is one."""
    if not isinstance(polygon, (list, tuple)) or len(polygon) % 2:
        return 'has a polygon that is not a list of x, y, x, y, ...'
    if not polygon:
        return ''
    try:
        low, high = min(polygon), max(polygon)
        total = sum(polygon)
    except TypeError:
        return 'has a polygon that is not a list of x, y, x, y, ...'
    except OverflowError:  # an integer beyond all floats
        total = math.inf
    # a NaN may hide from min and max, not from sum
    if not (-MAX_COORDINATE <= low and high <= MAX_COORDINATE and math.isfinite(total)):
        return f'has a polygon with a coordinate that is not finite or beyond {MAX_COORDINATE:,.0f} pixels'
    if len(polygon) * (high - low) > MAX_OUTLINE and _outline(polygon) > MAX_OUTLINE:
        return f'has a polygon with an outline of more than {MAX_OUTLINE:,} pixels'
    return ''


def _outline(polygon: Sequence[float]) -> float:
    points = np.asarray(polygon, np.float64).reshape(-1, 2)
    return float(np.abs(points - np.roll(points, 1, axis=0)).max(axis=1).sum())


def rle_counts(counts: Any) -> np.ndarray | None:
    """Lengths of the runs of a code, as int64; ``None`` if it is not a run-length code."""
    if isinstance(counts, (str, bytes)):
        return _compressed_counts(counts.encode('utf-8', 'replace') if isinstance(counts, str) else counts)
    if not isinstance(counts, (list, tuple)) or not all(type(each) is int for each in counts):
        return None
    if counts and not 0 <= min(counts) <= max(counts) < 2**31:
        return None
    return np.asarray(counts, np.int64)


def _compressed_counts(text: bytes) -> np.ndarray | None:
    codes = np.frombuffer(text, np.uint8)
    if not len(codes):
        return np.empty(0, np.int64)
    if codes.min() < _FIRST or codes.max() > _LAST:
        return None
    bits = codes.astype(np.int64) - _FIRST
    ends = np.flatnonzero((bits & _MORE) == 0)
    starts = np.concatenate(([0], ends[:-1] + 1)) if len(ends) else ends
    lengths = ends - starts + 1
    if not len(ends) or ends[-1] != len(bits) - 1 or lengths.max() > 7:
        return None
    shifts = 5 * (np.arange(len(bits)) - np.repeat(starts, lengths))
    values = np.add.reduceat((bits & (_MORE - 1)) << shifts, starts)
    values -= np.where(bits[ends] & _SIGN, np.int64(1) << (5 * lengths), 0)
    # from the fourth on, a run is the difference to the one two before it
    for first in (1, 2):
        values[first::2] = np.cumsum(values[first::2])
    return values


def rle_problem(code: Mapping[str, Any], size: Sequence[int] | None = None) -> str:
    """Why a dict is not a run-length code of a mask; empty if it is one.

    Args:
        code: ``{'counts', 'size'}``, compressed or not.
        size: Height and width that the mask should have.
    """
    if not {'counts', 'size'} <= code.keys():
        return 'is a run-length code without counts or size'
    sides = code['size']
    if not (isinstance(sides, (list, tuple)) and len(sides) == 2 and all(type(side) is int for side in sides)):
        return f'is a run-length code of the size {shown(sides)}, expected [height, width]'
    if size is not None and list(sides) != list(size):
        return f'is a run-length code of the size {list(sides)}, and its image has {list(size)}'
    try:
        check_size(sides[1], sides[0], _MASKS)
    except ImageSizeError as error:
        return f'is a run-length code of {error}'
    counts = rle_counts(code['counts'])
    if counts is None or (len(counts) and counts.min() < 0):
        return 'is a run-length code whose counts cannot be read'
    if counts.sum() != sides[0] * sides[1]:
        return f'is a run-length code of {counts.sum()} pixels, and its size {list(sides)} has {sides[0] * sides[1]}'
    return ''


def segmentation_problem(segmentation: Any, size: Sequence[int] | None = None) -> str:
    """Why a segmentation cannot be read; empty if it can.

    Args:
        segmentation: A list of polygons, or a run-length code.
        size: Height and width of the image.
    """
    if isinstance(segmentation, Mapping):
        return rle_problem(segmentation, size)
    if not isinstance(segmentation, (list, tuple)):
        return f'is a {type(segmentation).__name__}, expected polygons or a run-length code'
    return next(filter(None, map(polygon_problem, segmentation)), '')


def _as_id(value: Any) -> Any:
    """Numbers that other programs write as ``1.0`` or ``"1"``."""
    if type(value) is float and value.is_integer():
        return int(value)
    is_number_text = isinstance(value, str) and value.isascii() and value.isdecimal() and str(int(value)) == value
    return int(value) if is_number_text else value


_CROWD = {None: 0, '': 0, '0': 0, '1': 1, 'false': 0, 'true': 1}


def fill_in(content: Any) -> Counter[str]:
    """Write what COCO's readers ask for and other programs leave out; ``content`` is changed in place.

    Ids and sides that are whole numbers become integers; an object without ``iscrowd`` is no crowd, one without
    ``area`` has that of its box.

    Returns:
        How often each was missing.
    """
    filled: Counter[str] = Counter()
    if not isinstance(content, dict):
        return filled
    keys = {
        'images': ('id', 'width', 'height'), 'annotations': ('id', 'image_id', 'category_id'), 'categories': ('id',),
    }  # fmt: skip
    for part, names in keys.items():
        for entry in content.get(part) if isinstance(content.get(part), list) else ():
            for name in names if isinstance(entry, dict) else ():
                if type(entry.get(name)) in (float, str) and type(_as_id(entry[name])) is int:
                    entry[name] = _as_id(entry[name])
                    filled['ids or sides as text or with a point'] += 1
    for annotation in content.get('annotations') if isinstance(content.get('annotations'), list) else ():
        if not isinstance(annotation, dict):
            continue
        crowd = annotation.get('iscrowd')
        crowd = crowd.lower() if isinstance(crowd, str) else crowd
        if (
            type(crowd) is not int
            and (isinstance(crowd, (bool, str)) or crowd is None)
            and crowd in {*_CROWD, True, False}
        ):
            filled['objects without iscrowd'] += crowd is None
            annotation['iscrowd'] = int(crowd) if isinstance(crowd, bool) else _CROWD[crowd]
        if annotation.get('area') is None and (box := annotation.get('bbox')) and not box_problem(box):
            annotation['area'] = box[2] * box[3]
            filled['objects without area'] += 1
    return +filled


def check_annotations(content: Any, path: str = '') -> None:
    """Make sure that pycocotools and lvis can take the content of an annotation file.

    Args:
        content: What the file holds; parts that are not what COCO has are left to the reader.
        path: The file, for the message.

    Raises:
        ValueError: An image, a box or a segmentation is not finite, too large or contradicts itself.
    """
    if not isinstance(content, Mapping):
        return
    where = f'{path}: ' if path else ''
    for image in _dicts(content.get('images')):
        sides = image.get('width'), image.get('height')
        if None not in sides and (problem := _image_problem(*sides)):
            raise ValueError(f'{where}image {shown(image.get("id"))} has {problem}.')
    for annotation in _dicts(content.get('annotations')):
        box, segmentation = annotation.get('bbox'), annotation.get('segmentation')
        problem = box_problem(box) if box else ''
        if not problem and segmentation and not _is_numpy(segmentation):
            found = segmentation_problem(segmentation)
            problem = found and f'has a segmentation that {found}'
        if problem:
            raise ValueError(f'{where}annotation {shown(annotation.get("id"))} {problem}.')


def _image_problem(width: Any, height: Any) -> str:
    if type(width) is not int or type(height) is not int:
        return f'the width {shown(width, 40)} and the height {shown(height, 40)}, expected numbers of pixels'
    try:
        check_size(width, height)
    except ImageSizeError as error:
        return str(error)
    return ''


def _is_numpy(value: Any) -> bool:
    # results of a model in memory, not of a file
    return isinstance(value, np.ndarray)


def _dicts(values: Any) -> list[Mapping]:
    return [each for each in values if isinstance(each, Mapping)] if isinstance(values, (list, tuple)) else []


def check_objects(objects: Any, height: int, width: int) -> None:
    """Make sure that ``pycocotools.mask.frPyObjects`` can take its arguments.

    Raises:
        ValueError: A polygon, box or run-length code is not finite, too large or contradicts itself.
    """
    if isinstance(objects, np.ndarray):
        objects = objects.tolist()
    if isinstance(objects, Mapping) or (isinstance(objects, (list, tuple)) and objects and is_number(objects[0])):
        objects = [objects]
    problem = _image_problem(int(width), int(height))
    for each in objects if isinstance(objects, (list, tuple)) else ():
        each = each.tolist() if isinstance(each, np.ndarray) else each
        problem = problem or (rle_problem(each) if isinstance(each, Mapping) else polygon_problem(each))
    if problem:
        raise ValueError(f'A segmentation {problem}.')
