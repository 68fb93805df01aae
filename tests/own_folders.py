"""Small folders in the formats that ``--data-root`` takes: three classes of bright squares on grey."""

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image

CLASSES = ('cat', 'dog', 'emu')
SIDE = 48
# where the square of a class lies: x, y, width, height
BOXES = {'cat': (4, 4, 20, 20), 'dog': (24, 4, 18, 24), 'emu': (10, 22, 24, 20)}
# with holes, and not in the order of the names
CATEGORY_IDS = {'cat': 3, 'dog': 17, 'emu': 40}


def picture(name: str, seed: int = 0) -> np.ndarray:
    """(SIDE, SIDE, 3) uint8: noise with the square of a class."""
    pixels = np.random.default_rng(seed).integers(90, 130, (SIDE, SIDE, 3), np.uint8)
    x, y, width, height = BOXES[name]
    pixels[y : y + height, x : x + width, CLASSES.index(name)] = 250
    return pixels


def save(path: Path, pixels: np.ndarray) -> Path:
    """Write an image, making its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def class_folders(root: Path) -> Path:
    """``train/CLASS`` with three images, ``val/CLASS`` with one, but none of the first class; a webp and a cache."""
    for number, name in enumerate(CLASSES):
        for split, count in (('train', 3), ('val', min(number, 1))):
            for index in range(count):
                suffix = 'webp' if index == 1 else 'jpg'
                save(root / split / name / f'{index}.{suffix}', picture(name, 10 * number + index))
    (root / 'train' / '.cache').mkdir()
    return root


def coco_content(images: int = 3) -> dict:
    """The content of an annotation file: image ``i`` has one object of class ``i``, with a polygon."""
    content = dict(
        images=[dict(id=i, file_name=f'{i}.jpg', width=SIDE, height=SIDE) for i in range(images)],
        annotations=[],
        categories=[dict(id=number, name=name) for name, number in CATEGORY_IDS.items()],
    )
    for index in range(images):
        name = CLASSES[index % len(CLASSES)]
        x, y, width, height = BOXES[name]
        corners = [x, y, x + width, y, x + width, y + height, x, y + height]
        content['annotations'].append(
            dict(
                id=index + 1,
                image_id=index,
                category_id=CATEGORY_IDS[name],
                bbox=[x, y, width, height],
                area=width * height,
                iscrowd=0,
                segmentation=[corners],
            )
        )
    return content


def odd_coco_content() -> dict:
    """As :func:`coco_content`, with three more images: a run-length code, a crowd alone, and what mmdet leaves out."""
    content = coco_content(6)
    ring = dict(counts=[5 * SIDE, 10 * SIDE, SIDE * SIDE - 15 * SIDE], size=[SIDE, SIDE])
    content['annotations'][3].update(segmentation=ring, bbox=[5, 0, 10, SIDE], area=10 * SIDE)
    content['annotations'][4].update(segmentation=ring, iscrowd=1)
    content['annotations'][5].update(bbox=[4, 4, 0, 9], area=0)
    pair = dict(content['annotations'][5], id=7, bbox=[4, 4, 9, 9], area=81, segmentation=[[4, 4, 13, 13]])
    content['annotations'].append(pair)
    return content


def coco(root: Path) -> Path:
    """``annotations/{train,val}.json`` and images in ``train`` and ``val``; odd entries for training."""
    (root / 'annotations').mkdir(parents=True)
    for split, content in (('train', odd_coco_content()), ('val', coco_content())):
        (root / 'annotations' / f'{split}.json').write_text(json.dumps(content))
        for index in range(len(content['images'])):
            save(root / split / f'{index}.jpg', picture(CLASSES[index % len(CLASSES)], index))
    return root


def label_maps(root: Path) -> Path:
    """``images`` and ``annotations`` with the parts ``train`` and ``val``: 8 and 16 bit and a palette.

    0 is unlabelled, 1 to 3 are the classes.
    """
    root.mkdir(parents=True, exist_ok=True)
    (root / 'classes.txt').write_text('\n'.join(CLASSES))
    for split, count in (('train', 4), ('val', 3)):
        for index in range(count):
            name = CLASSES[index % len(CLASSES)]
            mask = np.zeros((SIDE, SIDE), np.uint8)
            x, y, width, height = BOXES[name]
            mask[y : y + height, x : x + width] = CLASSES.index(name) + 1
            save(root / 'images' / split / f'{index}.jpg', picture(name, index))
            save(root / 'annotations' / split / f'{index}.png', mask.astype(np.uint16) if index == 1 else mask)
    palette = Image.fromarray(mask)
    palette.putpalette([0, 0, 0, 200, 0, 0, 0, 200, 0, 0, 0, 200])
    palette.save(root / 'annotations' / 'val' / '2.png')
    return root


def video(path: Path, name: str, frames: int = 10) -> Path:
    """An encoded video of a class."""
    import av

    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), 'w') as container:
        stream = container.add_stream('mpeg4', rate=Fraction(8))
        stream.width = stream.height = SIDE
        stream.pix_fmt = 'yuv420p'
        for index in range(frames):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture(name, index), format='rgb24')))
        container.mux(stream.encode())
    return path


def sound(path: Path) -> Path:
    """A file with an audio stream and nothing else."""
    import av

    with av.open(str(path), 'w') as container:
        stream = container.add_stream('aac', rate=16000)
        stream.layout = 'mono'
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 4096), np.float32), format='fltp', layout='mono')
        frame.sample_rate = 16000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def video_folders(root: Path, count: int = 3) -> Path:
    """A folder of ``count`` videos for each class, without a validation part."""
    for name in CLASSES:
        for index in range(count):
            video(root / name / f'{index}.mp4', name)
    return root


def damaged_video_folders(root: Path) -> Path:
    """20 videos, of which one is cut off, one is empty and one has only sound."""
    for name, count in zip(CLASSES, (7, 7, 6)):
        for index in range(count):
            video(root / name / f'{index}.mp4', name)
    cut = root / 'cat' / '0.mp4'
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 2])
    (root / 'dog' / '1.mp4').write_bytes(b'')
    # the last of its class, so it is put aside for validation
    sound(root / 'emu' / '5.mp4')
    return root


def video_lists(root: Path) -> Path:
    """``train.csv`` and ``val.csv`` beside a folder of videos."""
    for split, count in (('train', 2), ('val', 1)):
        rows = ['path,label']
        for name in CLASSES:
            for index in range(count):
                video(root / 'videos' / f'{split}_{name}_{index}.mp4', name)
                rows.append(f'videos/{split}_{name}_{index}.mp4,{name}')
        (root / f'{split}.csv').write_text('\n'.join(rows))
    return root
