"""Reading an annotation file in COCO's format before anything is trained on it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from eva_mm.datasets.own.depth import depth_remarks
from eva_mm.safe_io.coco import MAX_COORDINATE, box_problem, fill_in, segmentation_problem
from eva_mm.safe_io.files import exists_regular, read_json
from eva_mm.safe_io.images import ImageSizeError, check_size, opened_image
from eva_mm.safe_io.printed import quoted, reason_of, shown

PARTS = ('images', 'annotations', 'categories')
# how many images are opened to compare their size
OPENED_IMAGES = 1000
ORIENTATION_TAG = 0x0112


@dataclass
class CocoSummary:
    """What an annotation file holds.

    Attributes:
        ann_file: The file.
        classes: Names in the order of their ids, which may have holes; a name's position is its label.
        num_images: Images in the file.
        num_objects: Annotations that are trained on.
        skipped: What mmdet leaves out or ignores, and how often, for instance ``{'box without area': 3}``.
        has_masks: Whether every object that is trained on has a segmentation.
        filled: What :func:`eva_mm.safe_io.coco.fill_in` wrote, and how often.
        remarks: What looks odd and can be trained, in words.
    """

    ann_file: Path
    classes: tuple[str, ...]
    num_images: int = 0
    num_objects: int = 0
    skipped: dict[str, int] = field(default_factory=dict)
    has_masks: bool = True
    filled: dict[str, int] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        skipped, filled = (
            ', '.join(f'{count} {reason}' for reason, count in counts.items()) for counts in (self.skipped, self.filled)
        )
        return ' '.join(
            (
                f'{len(self.classes)} classes, {self.num_images} images, {self.num_objects} objects'
                f'{"" if self.has_masks else " without masks"}{f" (left out: {skipped})" if skipped else ""}.',
                *([f'Filled in: {filled}.'] if filled else []),
                *self.remarks,
            )
        )

    def skip(self, reason: str) -> None:
        """Count one more annotation that is left out."""
        self.skipped[reason] = self.skipped.get(reason, 0) + 1


def _named(kind: str, entry: Mapping[str, Any]) -> str:
    return f'{kind} {shown(entry["id"])}'


def read_coco(ann_file: Path) -> tuple[dict[str, list[dict]], dict[str, int]]:
    """The content with what was missing filled in, and how often it was."""
    try:
        content = read_json(ann_file)
    except FileNotFoundError as error:
        raise FileNotFoundError(f'There is no annotation file {ann_file}: give one in the format of COCO.') from error
    filled = fill_in(content)
    if not isinstance(content, dict):
        raise ValueError(f'{ann_file} holds a {type(content).__name__}, expected a dict with {", ".join(PARTS)}.')
    for part in PARTS:
        if not isinstance(content.get(part), list):
            raise ValueError(f'{ann_file} has no list "{part}": a COCO file has {", ".join(PARTS)}.')
        for index, entry in enumerate(content[part]):
            if not isinstance(entry, dict) or not isinstance(entry.get('id'), int | str):
                raise ValueError(f'{ann_file}: entry {index} of "{part}" is no dict with a number or a text as "id".')
        if len({entry['id'] for entry in content[part]}) < len(content[part]):
            raise ValueError(f'{ann_file}: two entries of "{part}" have the same id; ids must be unique.')
    return content, dict(filled)


def _classes(ann_file: Path, categories: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    for category in categories:
        if not isinstance(category.get('name'), str):
            raise ValueError(f'{ann_file}: {_named("category", category)} has no name; give it one.')
        if not isinstance(category['id'], int):
            name = quoted(category['name'])
            raise ValueError(f'{ann_file}: category {name} has the id {category["id"]!r}, not a number.')
    names = tuple(each['name'] for each in sorted(categories, key=lambda each: each['id']))
    twice = sorted(name for name in set(names) if names.count(name) > 1)
    if twice or not names:
        problem = f'two categories are called {quoted(twice[0])}' if twice else 'there are no categories'
        raise ValueError(f'{ann_file}: {problem}; every class needs one category with its own name.')
    return names


def is_file(folder: Path, name: Any) -> bool:
    return isinstance(name, str) and exists_regular(folder / name)


def _check_size(ann_file: Path, image: Mapping[str, Any], file: Path) -> None:
    try:
        with opened_image(file) as opened:
            # hosts turn a photograph upright, and so do most tools that annotate
            upright = opened.size[::-1] if opened.getexif().get(ORIENTATION_TAG, 1) > 4 else opened.size
    # what Pillow's readers raise for damaged headers differs from format to format
    except Exception as error:
        where = f'{file}, {_named("image", image)} of {ann_file},'
        raise ValueError(f'{where} cannot be read ({reason_of(error)}): replace it.') from error
    if upright != (image['width'], image['height']):
        raise ValueError(
            f'{file} has {upright[0]} x {upright[1]} pixels, and {ann_file} says {image["width"]} x {image["height"]} '
            f'of {_named("image", image)}: correct the file, or export both again.'
        )


def _check_images(ann_file: Path, images: Sequence[Mapping[str, Any]], folder: Path | None) -> None:
    for image in images:
        sides = [image.get(side) for side in ('height', 'width')]
        name = image.get('file_name')
        if not (name and isinstance(name, str)) or not all(type(side) is int and side > 0 for side in sides):
            raise ValueError(
                f'{ann_file}: {_named("image", image)} needs a file_name, a height and a width in pixels; it has '
                f'{shown(image, 300)}.'
            )
        try:
            check_size(image['width'], image['height'])
        except ImageSizeError as error:
            raise ValueError(f'{ann_file}: {_named("image", image)} has {error}.') from error
    if folder is None:
        return
    missing = [image for image in images if not is_file(folder, image['file_name'])]
    if missing:
        raise FileNotFoundError(
            f'{ann_file}: {len(missing)} of {len(images)} images are not under {folder}, the first is '
            f'{_named("image", missing[0])}, {quoted(missing[0]["file_name"])}: put them there or take them out of the '
            'file.'
        )
    # headers of a hundred thousand files take minutes on a network drive
    for image in images[:: max(1, len(images) // OPENED_IMAGES)]:
        _check_size(ann_file, image, folder / image['file_name'])


def _is_area(value: Any) -> bool:
    return type(value) in (int, float) and 0 <= abs(value) <= MAX_COORDINATE**2


def _inspect_object(summary: CocoSummary, annotation: Mapping[str, Any], sizes: Mapping, categories: set) -> None:
    where = f'{summary.ann_file}: {_named("annotation", annotation)}'
    if not isinstance(annotation.get('image_id'), int | str) or annotation['image_id'] not in sizes:
        raise ValueError(f'{where} is of image {shown(annotation.get("image_id"))}, which is not in "images".')
    if not isinstance(annotation.get('category_id'), int) or annotation['category_id'] not in categories:
        category = shown(annotation.get('category_id'))
        raise ValueError(f'{where} is of category {category}, which is not in "categories".')
    box = annotation.get('bbox')
    if problem := box_problem(box):
        raise ValueError(f'{where} {problem}.')
    if not _is_area(annotation.get('area', 0)):
        raise ValueError(f'{where} has the area {shown(annotation["area"])}, expected a number of pixels.')
    segmentation = annotation.get('segmentation')
    height, width = sizes[annotation['image_id']]
    if segmentation and (problem := segmentation_problem(segmentation, (height, width))):
        raise ValueError(f'{where}: its segmentation {problem}.')
    x, y, w, h = box
    if annotation.get('iscrowd'):
        summary.skip('crowd')
    elif w < 1 or h < 1 or annotation.get('area', w * h) <= 0:
        summary.skip('box without area')
    elif min(x + w, width) <= max(x, 0) or min(y + h, height) <= max(y, 0):
        summary.skip('box outside the image')
    elif isinstance(segmentation, list) and segmentation and all(len(polygon) < 6 for polygon in segmentation):
        summary.skip('polygon of fewer than 3 points')
    else:
        summary.num_objects += 1
        summary.has_masks &= bool(segmentation)


def _remarks(content: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[str]:
    """What a reader may not expect, in words."""
    images, annotations = content['images'], content['annotations']
    sizes = {image['id']: (image['width'], image['height']) for image in images}
    empty = len(sizes.keys() - {each['image_id'] for each in annotations})
    used = {each['category_id'] for each in annotations}
    unused = [each['name'] for each in content['categories'] if each['id'] not in used]
    places = Counter((each['image_id'], each['category_id'], *each['bbox']) for each in annotations)
    twice = sum(count - 1 for count in places.values())
    beyond = 0
    for each in annotations:
        (x, y, w, h), (width, height) = each['bbox'], sizes[each['image_id']]
        beyond += min(x, y) < -1 or x + w > width + 1 or y + h > height + 1
    said = {
        'images have no object': empty,
        f'classes have no object, for instance {quoted(unused[0]) if unused else ""}': len(unused),
        'objects are annotated twice, with the same box and class': twice,
        'boxes reach beyond their image and are clipped': beyond,
    }
    return [f'{count} {what}.' for what, count in said.items() if count]


def _refuse_short_polygons(ann_file: Path, annotations: Sequence[Mapping[str, Any]]) -> None:
    for annotation in annotations:
        segmentation = annotation.get('segmentation')
        if isinstance(segmentation, list) and segmentation and len(segmentation[0]) < 6:
            raise ValueError(
                f'{ann_file}: {_named("annotation", annotation)} begins with a polygon of fewer than three points, '
                "which COCO's metric cannot read: correct it, or take it out of the validation file."
            )


def inspect_coco(
    ann_file: str | Path,
    image_folder: str | Path | None = None,
    with_masks: bool = False,
    evaluated: bool = False,
) -> CocoSummary:
    """Check an annotation file entry by entry, as mmdet will read it.

    Crowds, boxes without area or outside the image, and polygons of fewer than three points are read and counted as
    skipped: mmdet leaves them out or ignores them. Run-length codes and category ids with holes are fine.

    Args:
        ann_file: The file.
        image_folder: Where its images are; ``None`` does not look for them.
        with_masks: The model has masks.
        evaluated: The file is one to evaluate on. COCO's metric takes polygons of fewer than three points for boxes
            and breaks off, so with masks they are refused.

    Raises:
        FileNotFoundError: The file or one of its images does not exist.
        ValueError: The file is no COCO file, or an entry cannot be read; the message names both.
    """
    ann_file = Path(ann_file)
    content, filled = read_coco(ann_file)
    images = content['images']
    _check_images(ann_file, images, None if image_folder is None else Path(image_folder))
    summary = CocoSummary(ann_file, _classes(ann_file, content['categories']), len(images), filled=filled)
    sizes = {image['id']: (image['height'], image['width']) for image in images}
    categories = {category['id'] for category in content['categories']}
    for annotation in content['annotations']:
        _inspect_object(summary, annotation, sizes, categories)
    summary.remarks = _remarks(content)
    if image_folder is not None:
        summary.remarks += depth_remarks([Path(image_folder, image['file_name']) for image in images])
    if not summary.num_objects:
        raise ValueError(
            f'{ann_file} has no object to train on: {len(images)} images, skipped {summary.skipped or "nothing"}.'
        )
    if with_masks and not summary.has_masks:
        raise ValueError(
            f'{ann_file} has objects without segmentation, but the model has a mask head: '
            'add the masks, or take a config without mask head.'
        )
    if with_masks and evaluated:
        _refuse_short_polygons(ann_file, content['annotations'])
    return summary
