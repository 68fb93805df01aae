"""The variants of ImageNet in the folders that each is published in, on digits no other set shows.

ReaL is a second list of labels for ImageNet's own val images: ``imagenet.py`` writes it.
"""

from collections.abc import Callable

import cv2
import numpy as np

from . import objectnet
from .digits import ink, pick_digit
from .files import encode, read_image, write_bytes
from .imagenet import wnid
from .places import pick_place, view
from .scene import SIDE, Scene, add_digit, blank_scene
from .world import World

NAME = 'robustness'
POOL = 'test'
SIZES = {'v2': 200, 'a': 120, 'r': 120, 'sketch': 100, 'objectnet': 140}
# IN-A and IN-R cover 200 of the 1,000 classes each; here six of ten.
CLASSES_OF = {'a': (0, 2, 3, 5, 8, 9), 'r': (1, 2, 4, 5, 7, 9)}
FOLDERS = {
    'v2': 'imagenetv2-matched-frequency-format-val',
    'a': 'imagenet-a',
    'r': 'imagenet-r',
    'sketch': 'sketch',
    'objectnet': objectnet.FOLDER,
}
HARD_CONTRAST, HARD_SIDES = 0.7, (38, 56)
EDGE_THRESHOLDS = (60, 140)


def write(world: World, split: str, index: int) -> None:
    """Write one image of the variant ``split``."""
    key = f'{NAME}/{split}'
    rng = world.rng(key, index)
    if split == 'objectnet':
        objectnet.write(
            world,
            world.out / NAME / FOLDERS[split],
            rng,
            world.label(key, index, objectnet.NUM_FOLDERS),
            index,
        )
        return
    classes = CLASSES_OF.get(split, tuple(range(10)))
    label = classes[world.label(key, index, len(classes))]
    image = RENDERINGS[split](world, rng, label)
    folder, suffix = (str(label), '.jpeg') if split == 'v2' else (wnid(label), '.JPEG' if split == 'sketch' else '.jpg')
    write_bytes(world.out / NAME / FOLDERS[split] / folder / f'{split}_{index:05d}{suffix}', encode(image))


def matched(world: World, rng: np.random.Generator, label: int) -> np.ndarray:
    """ImageNet's own recipe again, on new digits."""
    scene = blank_scene(world, rng, POOL)
    add_digit(world, rng, scene, POOL, label)
    return scene.image


def hard(world: World, rng: np.random.Generator, label: int) -> np.ndarray:
    """Smaller digits on brighter photographs, tilted further."""
    scene = blank_scene(world, rng, POOL, contrast=HARD_CONTRAST)
    add_digit(world, rng, scene, POOL, label, HARD_SIDES, tilt=20)
    return scene.image


def rendition(world: World, rng: np.random.Generator, label: int) -> np.ndarray:
    """Dark ink on a pale photograph, coarse blocks, or a cut-out filled with a photograph."""
    digit, side = pick_digit(rng, world.sources, POOL, label), int(rng.integers(60, 81))
    place, style = pick_place(rng, world.sources), int(rng.integers(3))
    pixels = view(rng, place, POOL, (SIDE, SIDE), contrast=(0.35, 0.45, 0.2)[style])
    if style == 0:
        scene = Scene(255 - pixels, place)
        alpha, paint = ink(digit, side), np.float32(rng.integers(0, 70, 3))
    elif style == 1:
        scene = Scene(pixels, place)
        alpha, paint = ink(digit, side, smooth=False), np.float32([255, 255, 255])
    else:
        scene = Scene(pixels, place)
        alpha = ink(digit, side)
        paint = 128 + view(rng, pick_place(rng, world.sources), POOL, (side, side), contrast=0.5)
    scene.paint(str(label), alpha, paint, *scene.free_corner(rng, side))
    return scene.image


def sketch(world: World, rng: np.random.Generator, label: int) -> np.ndarray:
    """Black outlines on white: the edges of a scene."""
    grey = cv2.cvtColor(matched(world, rng, label), cv2.COLOR_RGB2GRAY)
    lines = cv2.dilate(cv2.Canny(grey, *EDGE_THRESHOLDS), np.ones((2, 2), np.uint8))
    return cv2.cvtColor(255 - lines, cv2.COLOR_GRAY2RGB)


RENDERINGS: dict[str, Callable[[World, np.random.Generator, int], np.ndarray]] = {
    'v2': matched,
    'a': hard,
    'r': rendition,
    'sketch': sketch,
}


def finish(world: World, records: dict[str, list[None]]) -> None:
    """Write ObjectNet's mapping files; the other variants are their folders."""
    objectnet.write_mappings(world.out / NAME / FOLDERS['objectnet'])


def preview(world: World) -> list[tuple[np.ndarray, str]]:
    """Two or three images of each variant."""
    cells = []
    for variant, folder in FOLDERS.items():
        paths = sorted(
            p for p in (world.out / NAME / folder).rglob('*') if p.suffix.lower() in ('.jpg', '.jpeg', '.png')
        )
        for path in paths[:: max(1, len(paths) // 3)][:3]:
            cells.append((read_image(path), f'{variant} {path.parent.name}'))
    return cells
