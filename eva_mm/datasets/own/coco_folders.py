"""Where annotation files in COCO's format and their images lie, and a validation part if there is none."""

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from eva_mm.datasets.own.coco import is_file, read_coco
from eva_mm.safe_io.printed import quoted

ANNOTATION_FILES = (
    'annotations/instances_{split}2017.json',
    'annotations/instances_{split}.json',
    'annotations/{split}.json',
    '{split}.json',
    '{split}/_annotations.coco.json',
)
# one file for everything: of CVAT, Label Studio, labelme, VIA and others
WHOLE_FILES = (
    'annotations/instances_default.json', 'annotations/instances.json', 'annotations/annotations.json',
    'annotations.json', '_annotations.coco.json', 'result.json', 'instances.json',
)  # fmt: skip
VAL_STEP = 10
IMAGE_FOLDERS = ('{split}2017', '{split}', 'images/{split}', 'images/default', 'images', '.')


@dataclass(frozen=True)
class CocoSplit:
    """Where one split of a folder lies: both relative to the folder."""

    ann_file: str
    image_folder: str


def _image_folder(root: Path, ann_file: str, folders: Sequence[str]) -> str:
    """Where the first image of an annotation file is, of some folders below ``root``."""
    images = read_coco(root / ann_file)[0]['images']
    first = images[0].get('file_name') if images else None
    if not (first and isinstance(first, str)):
        problem = 'its first image has no file_name' if images else 'the list "images" is empty'
        raise ValueError(f'{root / ann_file}: {problem}.')
    for folder in folders:
        if is_file(root / folder, first):
            return folder
    raise FileNotFoundError(
        f'{root / ann_file}: its first image {quoted(first)} is in none of {", ".join(folders)} under {root}.'
    )


def find_coco_split(data_root: str | Path, split: str) -> CocoSplit | None:
    """The annotation file and the image folder of ``'train'`` or ``'val'`` in a folder, by their usual names.

    Returns:
        ``None`` if there is no such file.

    Raises:
        FileNotFoundError: Its first image is in no usual folder.
    """
    root = Path(data_root)
    splits = (split, 'valid') if split == 'val' else (split,)
    names = [name.format(split=each) for each in splits for name in ANNOTATION_FILES]
    ann_file = next((name for name in names if (root / name).is_file()), None)
    if ann_file is None:
        return None
    folders = [str(Path(ann_file).parent)] if ann_file.endswith('_annotations.coco.json') else []
    folders += [name.format(split=each) for each in splits for name in IMAGE_FOLDERS]
    return CocoSplit(ann_file, _image_folder(root, ann_file, folders))


def find_coco_whole(data_root: str | Path) -> CocoSplit:
    """The one annotation file of a folder without a validation split, and its image folder.

    Raises:
        FileNotFoundError: There is none, or its first image is in no usual folder.
    """
    root = Path(data_root)
    if (train := find_coco_split(root, 'train')) is not None:
        return train
    ann_file = next((name for name in WHOLE_FILES if (root / name).is_file()), None)
    if ann_file is None:
        names = [name.format(split='train') for name in ANNOTATION_FILES]
        raise FileNotFoundError(
            f'{root} has no annotations: put them into one of {", ".join(names)} and the same of val, or all into one '
            f'of {", ".join(WHOLE_FILES)}.'
        )
    folders = [str(Path(ann_file).parent), *(name.format(split='train') for name in IMAGE_FOLDERS)]
    return CocoSplit(ann_file, _image_folder(root, ann_file, folders))


def divide_coco(root: Path, whole: CocoSplit) -> dict[str, CocoSplit]:
    """Put every tenth image of an annotation file aside for validation.

    The two parts are written to the cache (``XDG_CACHE_HOME``, else ``~/.cache``), under a name that depends on the
    content, so that all processes and resumed runs find the same ones.

    Raises:
        ValueError: It has one image.
    """
    content, _ = read_coco(root / whole.ann_file)
    images = sorted(content['images'], key=lambda image: str(image.get('file_name')))
    val = {image['id'] for image in images[VAL_STEP - 1 :: VAL_STEP] or images[-1:]}
    if len(val) == len(images):
        raise ValueError(f'{root / whole.ann_file} has {len(images)} image, expected two or more: one validates.')
    digest = hashlib.sha256(f'{root.resolve()} {whole.ann_file} {json.dumps(content, sort_keys=True)}'.encode())
    folder = Path(os.environ.get('XDG_CACHE_HOME') or Path.home() / '.cache') / 'eva_mm' / 'coco'
    folder.mkdir(parents=True, exist_ok=True)
    splits = {}
    for split in ('train', 'val'):
        part = {
            **content,
            'images': [image for image in images if (image['id'] in val) == (split == 'val')],
            'annotations': [
                each for each in content['annotations'] if (each.get('image_id') in val) == (split == 'val')
            ],
        }
        path = folder / f'{digest.hexdigest()[:16]}-{split}.json'
        if not path.exists():
            own = path.with_name(f'.{path.name}.{os.getpid()}')
            own.write_text(json.dumps(part), encoding='utf-8')
            own.replace(path)
        splits[split] = CocoSplit(str(path), whole.image_folder)
    return splits
