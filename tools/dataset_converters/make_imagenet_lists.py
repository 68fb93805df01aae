"""Write lists of images and classes from the files that ImageNet-21K and the ImageNet-1K variants ship with.

    python tools/dataset_converters/make_imagenet_lists.py imagenet21k data/imagenet21k
    python tools/dataset_converters/make_imagenet_lists.py robustness data/imagenet data/robustness

The first writes ``meta/train.txt`` and ``meta/classes.txt`` for folders named by wnid, in sorted order.

The second writes ``meta/imagenet-1k.json`` into the first folder, and ``lists/*.json`` into the second for the variants
that it finds there as they are unpacked:

    imagenetv2-matched-frequency-format-val/<class index>/*    objectnet-1.0/{images,mappings}/
    imagenet-a/<wnid>/*   imagenet-r/<wnid>/*   sketch/<wnid>/*   real.json

The first folder is ImageNet-1K: ``LOC_synset_mapping.txt``, or ``train/`` with a folder for each class, gives the order
of the classes; ``val/`` has one folder for each class, or ``meta/val.txt`` gives the labels.
"""

import argparse
import json
import os
import re
import sys
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from eva_mm.safe_io.files import read_json, read_lines
from eva_mm.safe_io.folders import Listing
from eva_mm.safe_io.printed import printable, reason_of

IMAGENET_21K_CLASSES = 21841
VARIANTS = {
    'imagenet-v2': 'imagenetv2-matched-frequency-format-val',
    'imagenet-a': 'imagenet-a',
    'imagenet-r': 'imagenet-r',
    'imagenet-sketch': 'sketch',
    'objectnet': 'objectnet-1.0',
}
IMAGE_SUFFIXES = ('.jpg', '.jpeg', '.png')


class InputError(Exception):
    """What is wrong with the files given, in one sentence."""


def images_below(folder: Path, classes: Collection[str] | None = None) -> Iterator[tuple[str, Path]]:
    """(name of the class folder, file) of every image, sorted; says at the end what else there is."""
    others = Listing()
    for sub in sorted(folder.iterdir()):
        if classes is not None and sub.name not in classes:
            continue
        if not sub.is_dir():
            others.skip('outside the folders of classes', sub)
            continue
        with os.scandir(sub) as found:
            entries = sorted(found, key=lambda entry: entry.name)
        for entry in entries:
            if not entry.is_file():
                others.skip('directories, dead links and devices', entry.path)
            elif Path(entry.name).suffix.lower() not in IMAGE_SUFFIXES:
                others.skip('files with other suffixes', entry.path)
            else:
                yield sub.name, Path(entry.path)
    if others.skipped:
        print(f'{printable(folder)}: {others.remark()}')


def need(path: Path, what: str) -> Path:
    """The path, which must exist."""
    if not path.exists():
        raise InputError(f'{path} does not exist, but {what} is expected there.')
    return path


def class_indices(imagenet: Path) -> dict[str, int]:
    """wnid to index of ImageNet-1K: its wnids sorted."""
    mapping = imagenet / 'LOC_synset_mapping.txt'
    if mapping.exists():
        wnids = [line.split()[0] for line in read_lines(mapping) if line.strip()]
    else:
        train = need(imagenet / 'train', 'LOC_synset_mapping.txt, or the folders of the classes,')
        wnids = [path.name for path in train.iterdir() if path.is_dir()]
    return {wnid: index for index, wnid in enumerate(sorted(wnids))}


def index_of(indices: dict[str, int], wnid: str, file: Path) -> int:
    """Index of the class of a file."""
    if wnid not in indices:
        raise InputError(f'{file} lies in a folder {wnid}, which is no class of this ImageNet-1K.')
    return indices[wnid]


def imagenet_images(imagenet: Path, indices: dict[str, int], real: list[list[int]] | None) -> list[dict]:
    """Validation images with their label and, where there are any, their labels of ReaL."""
    listed, val = imagenet / 'meta' / 'val.txt', need(imagenet / 'val', 'the validation set')
    if listed.exists():
        found = [labelled(listed, number, line) for number, line in enumerate(read_lines(listed), 1) if line.strip()]
    else:
        found = [(str(file.relative_to(imagenet)), index_of(indices, wnid, file)) for wnid, file in images_below(val)]
    images = []
    for path, label in sorted(found, key=lambda pair: Path(pair[0]).name):
        images.append({'path': path, 'labels': [label]})
        if real is not None:
            images[-1]['real'] = real_labels(real, path)
    return images


def labelled(listed: Path, number: int, line: str) -> tuple[str, int]:
    """The image and the label in a line of a list."""
    path, *label = line.rsplit(maxsplit=1)
    if not label or not label[0].isdecimal():
        raise InputError(f"{listed}, line {number}: expected a path and a number, found '{printable(line, 80)}'.")
    return f'val/{path}', int(label[0])


def real_labels(real: list[list[int]], path: str) -> list[int]:
    """Entry of ReaL for a file ``ILSVRC2012_val_<number from 1>.JPEG``."""
    number = re.search(r'ILSVRC2012_val_(\d+)', path)
    if number is None or not 0 < int(number[1]) <= len(real):
        raise InputError(f'{path} has no entry among the {len(real)} of real.json.')
    return real[int(number[1]) - 1]


def by_class_number(folder: Path, indices: dict[str, int]) -> list[dict]:
    """ImageNet-V2: a folder is named by the index of its class."""
    images = []
    for name, file in images_below(folder):
        if not name.isdigit() or int(name) >= len(indices):
            raise InputError(f'{file} lies in a folder {name}, expected a number below {len(indices)}.')
        images.append({'path': str(file.relative_to(folder.parent)), 'labels': [int(name)]})
    return images


def by_wnid(folder: Path, indices: dict[str, int]) -> list[dict]:
    """ImageNet-A, -R and -Sketch: a folder is named by the wnid of its class."""
    return [
        {'path': str(file.relative_to(folder.parent)), 'labels': [index_of(indices, wnid, file)]}
        for wnid, file in images_below(folder)
    ]


def read_kind(path: Path, kind: type) -> Any:
    """A JSON file that holds a list, or a dict."""
    content = read_json(path)
    if not isinstance(content, kind):
        raise InputError(f'{path} holds a {type(content).__name__}, expected a {kind.__name__}.')
    return content


def objectnet_labels(mappings: Path) -> dict[str, list[int]]:
    """ObjectNet's folders that have classes in ImageNet-1K, with their indices in the order of the mapping."""

    def read(name: str) -> dict:
        return read_kind(need(mappings / name, "ObjectNet's mapping"), dict)

    names = read_lines(need(mappings / 'imagenet_to_label_2012_v2', "ObjectNet's list of classes"))
    lines, texts = read('pytorch_to_imagenet_2012_id.json'), read('objectnet_to_imagenet_1k.json')
    folders = read('folder_to_objectnet_label.json')
    try:
        index_of_name = {names[line].strip(): int(index) for index, line in lines.items()}
        labels = {label: [index_of_name[name] for name in text.split('; ')] for label, text in texts.items()}
        return {folder: labels[label] for folder, label in folders.items() if label in labels}
    except (KeyError, IndexError, TypeError, AttributeError, ValueError) as error:
        reason = f'{type(error).__name__}: {reason_of(error, 80)}'
        raise InputError(f'{mappings}: the files do not belong together ({reason}).') from error


def by_objectnet_folder(folder: Path, indices: dict[str, int]) -> list[dict]:
    """ObjectNet: folders of its own classes, only those that overlap with ImageNet-1K."""
    labels = objectnet_labels(need(folder / 'mappings', "ObjectNet's mappings"))
    images = need(folder / 'images', "ObjectNet's images")
    return [
        {'path': str(file.relative_to(folder.parent)), 'labels': labels[name]}
        for name, file in images_below(images, labels)
    ]


READERS = {
    'imagenet-v2': by_class_number,
    'imagenet-a': by_wnid,
    'imagenet-r': by_wnid,
    'imagenet-sketch': by_wnid,
    'objectnet': by_objectnet_folder,
}
# predictions are made among the classes of the set itself
OWN_CLASSES = ('imagenet-a', 'imagenet-r')


def write_list(path: Path, name: str, images: list[dict]) -> None:
    """Write one JSON list and say what it holds."""
    if not images:
        raise InputError(f'No image was found for {name}: {", ".join(IMAGE_SUFFIXES)} files are expected.')
    classes = sorted({label for image in images for label in image['labels']})
    candidates = classes if name in OWN_CLASSES else None
    path.write_text(json.dumps({'name': name, 'candidates': candidates, 'images': images}))
    print(f'{path}: {len(images):,} images of {len(classes):,} classes')


def make_robustness_lists(imagenet: Path, robustness: Path) -> None:
    """Lists of ImageNet-1K's validation set and of the variants that are there."""
    indices = class_indices(need(imagenet, 'ImageNet-1K'))
    lists, meta = need(robustness, 'a folder with the variants') / 'lists', imagenet / 'meta'
    for folder in (lists, meta):
        folder.mkdir(exist_ok=True)
    real = robustness / 'real.json'
    labels = read_kind(real, list) if real.exists() else None
    write_list(meta / 'imagenet-1k.json', 'imagenet-1k', imagenet_images(imagenet, indices, labels))
    missing = [] if real.exists() else ['real.json']
    for name, folder in VARIANTS.items():
        if (robustness / folder).is_dir():
            write_list(lists / f'{name}.json', name, READERS[name](robustness / folder, indices))
        else:
            missing.append(folder)
    if missing:
        print('left out, for want of files:', ', '.join(missing))


def make_imagenet21k_lists(root: Path, classes: int) -> None:
    """``meta/train.txt`` (``path label``) and ``meta/classes.txt`` of ImageNet-21K."""
    names = sorted(path.name for path in need(root, 'ImageNet-21K').iterdir() if re.fullmatch(r'n\d+', path.name))
    if len(names) != classes:
        raise InputError(f'{root} has {len(names):,} folders of classes, expected {classes:,} (see --classes).')
    label = {name: index for index, name in enumerate(names)}
    meta = root / 'meta'
    meta.mkdir(exist_ok=True)
    (meta / 'classes.txt').write_text('\n'.join(names) + '\n')
    count = 0
    with open(meta / 'train.txt', 'w') as file:
        for name, image in images_below(root, label):
            file.write(f'{name}/{image.name} {label[name]}\n')
            count += 1
    print(f'{meta / "train.txt"}: {count:,} images of {len(names):,} classes')


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    sets = parser.add_subparsers(dest='set', required=True)
    in21k = sets.add_parser('imagenet21k')
    in21k.add_argument('root', type=Path, help='folder with a folder for each class')
    in21k.add_argument('--classes', type=int, default=IMAGENET_21K_CLASSES, help='how many there must be')
    robustness = sets.add_parser('robustness')
    robustness.add_argument('imagenet', type=Path, help='folder of ImageNet-1K')
    robustness.add_argument('robustness', type=Path, help='folder of the variants')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    try:
        if args.set == 'robustness':
            make_robustness_lists(args.imagenet, args.robustness)
        else:
            make_imagenet21k_lists(args.root, args.classes)
    except (InputError, ValueError, OSError) as error:
        sys.exit(f'error: {error}')


if __name__ == '__main__':
    main()
