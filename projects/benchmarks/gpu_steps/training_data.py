"""Small data sets of noise and rectangles in the formats of the nano configs: what a loss is compared on.

The nano world (``projects/nano_world/make_nano_data.py``) is made with scikit-learn and PyAV, which a bare machine
lacks. Nothing is learned in twenty iterations; only that both devices compute the same matters.
"""

import io
import json
import tarfile
from pathlib import Path

import numpy as np
from PIL import Image

SIDE = 96
CLASSES = 10
LVIS_CLASSES = 16
VIDEO_CLASSES = 4
FRAMES = 12


def _picture(generator: np.random.Generator, side: int = SIDE) -> np.ndarray:
    """Coarse noise (side, side, 3), uint8."""
    coarse = generator.integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC))


def _save(pixels: np.ndarray, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(file)


def _unlabelled(root: Path, generator: np.random.Generator, number: int) -> None:
    for index in range(number):
        _save(_picture(generator), root / 'unlabelled' / f'{index}.png')


def _imagenet(root: Path, generator: np.random.Generator, number: int) -> None:
    lines = []
    for index in range(number):
        _save(_picture(generator), root / 'imagenet' / 'train' / f'{index}.png')
        lines.append(f'{index}.png {index % CLASSES}')
    (root / 'imagenet' / 'meta').mkdir()
    (root / 'imagenet' / 'meta' / 'train_few.txt').write_text('\n'.join(lines) + '\n')


def _things(generator: np.random.Generator, pixels: np.ndarray) -> list[list[int]]:
    """Draw two rectangles; returns their boxes (x, y, width, height)."""
    boxes = []
    for _ in range(2):
        x, y = generator.integers(0, SIDE // 2, 2).tolist()
        width, height = generator.integers(SIDE // 5, SIDE // 2, 2).tolist()
        pixels[y : y + height, x : x + width] = generator.integers(0, 256, 3)
        boxes.append([x, y, width, height])
    return boxes


def _annotation(number: int, image: int, category: int, box: list[int]) -> dict:
    x, y, width, height = box
    outline = [x, y, x + width, y, x + width, y + height, x, y + height]
    common = dict(id=number, image_id=image, category_id=category, iscrowd=0)
    return dict(common, bbox=box, area=width * height, segmentation=[outline])


def _coco(root: Path, generator: np.random.Generator, number: int) -> None:
    """COCO's and LVIS's annotations of the same images."""
    names = ('zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine')
    images, things, lvis_images, lvis_things = [], [], [], []
    for image in range(1, number + 1):
        pixels = _picture(generator).copy()
        boxes = _things(generator, pixels)
        file = f'{image:012d}.png'
        size = dict(id=image, height=SIDE, width=SIDE)
        images.append(dict(size, file_name=file))
        url = f'http://images.cocodataset.org/train2017/{file}'
        absent = 1 + (image + 5) % LVIS_CLASSES
        lvis_images.append(dict(size, coco_url=url, neg_category_ids=[absent], not_exhaustive_category_ids=[]))
        for box in boxes:
            things.append(_annotation(len(things) + 1, image, 1 + len(things) % CLASSES, box))
            lvis_things.append(_annotation(len(things), image, 1 + len(things) % LVIS_CLASSES, box))
        _save(pixels, root / 'coco' / 'train2017' / file)
    categories = [dict(id=index, name=name) for index, name in enumerate(names, start=1)]
    lvis_categories = [
        dict(id=index, name=f'class {index}', frequency='rcf'[index % 3], image_count=index, instance_count=index)
        for index in range(1, LVIS_CLASSES + 1)
    ]
    folder = root / 'coco' / 'annotations'
    folder.mkdir()
    for name, content in (
        ('instances_train2017', dict(images=images, annotations=things, categories=categories)),
        ('lvis_v1_train', dict(images=lvis_images, annotations=lvis_things, categories=lvis_categories)),
    ):
        (folder / f'{name}.json').write_text(json.dumps(content))


def _ade(root: Path, generator: np.random.Generator, number: int) -> None:
    for index in range(number):
        pixels, labels = _picture(generator, 2 * SIDE).copy(), np.zeros((2 * SIDE, 2 * SIDE), np.uint8)
        for label in range(1, CLASSES + 1):
            y, x = generator.integers(0, SIDE, 2).tolist()
            pixels[y : y + SIDE // 2, x : x + SIDE // 2] = 20 * label
            labels[y : y + SIDE // 2, x : x + SIDE // 2] = label
        _save(pixels, root / 'ade' / 'images' / 'training' / f'{index}.jpg')
        _save(labels, root / 'ade' / 'annotations' / 'training' / f'{index}.png')


def _kinetics(root: Path, generator: np.random.Generator, number: int) -> None:
    """Videos as arrays (frames, side, side, 3), which ``ArrayVideo`` opens."""
    folder, lines = root / 'kinetics', []
    (folder / 'train').mkdir(parents=True)
    for index in range(number):
        first, last = (_picture(generator).astype(np.float32) for _ in range(2))
        shares = np.linspace(0, 1, FRAMES, dtype=np.float32)[:, None, None, None]
        np.save(folder / 'train' / f'{index}.npy', (first * (1 - shares) + last * shares).astype(np.uint8))
        lines.append(f'{index}.npy {index % VIDEO_CLASSES}')
    (folder / 'train_list.txt').write_text('\n'.join(lines) + '\n')
    (folder / 'classes.txt').write_text('\n'.join(f'class {index}' for index in range(VIDEO_CLASSES)) + '\n')


def _clip(root: Path, generator: np.random.Generator, number: int) -> None:
    (root / 'clip').mkdir()
    with tarfile.open(root / 'clip' / 'train-000000.tar', 'w') as tar:
        for index in range(number):
            buffer = io.BytesIO()
            Image.fromarray(_picture(generator)).save(buffer, 'png')
            words = ' '.join(generator.choice(['red', 'green', 'blue', 'small', 'large', 'square'], 4))
            for suffix, content in (('png', buffer.getvalue()), ('txt', words.encode())):
                member = tarfile.TarInfo(f'{index:06d}.{suffix}')
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))


def write_data(root: Path, number: int) -> None:
    """Write every set with ``number`` training samples below ``root``, as ``data/nano`` has them."""
    root.mkdir(parents=True)
    for seed, make in enumerate((_unlabelled, _imagenet, _coco, _ade, _kinetics, _clip)):
        make(root, np.random.default_rng(seed), number)
