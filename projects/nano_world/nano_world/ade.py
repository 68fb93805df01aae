"""ADE20K's layout: images of odd sizes and label maps.

In a map 0 is unlabelled, 1 to 5 are the digits zero to four, and from 6 on is what the photograph shows.
"""

import numpy as np

from .digits import WORDS
from .files import encode, read_image, write_bytes, write_lines
from .scene import add_digit, blank_scene
from .sources import PLACES
from .world import World

NAME = 'ade'
SIZES = {'train': 800, 'val': 100}
FOLDERS = {'train': 'training', 'val': 'validation'}
SHAPES = {
    'train': ((112, 112), (112, 112), (100, 124), (124, 100)),
    'val': ((112, 112), (97, 121), (123, 103)),
}
DIGITS = WORDS[:5]
# of the digits, in pixels, by how many there are
SIDES = ((70, 95), (54, 70), (44, 56))
PLACE_NAMES = tuple(name for name, *_ in PLACES)
CLASSES = (*DIGITS, *PLACE_NAMES)
UNLABELLED = 0


def write(world: World, split: str, index: int) -> None:
    """Write one image and its map; the half-covered pixels around the ink belong to no class."""
    rng = world.rng(f'{NAME}/{split}', index)
    # a place is a class here, and has too few pixels to keep some for validation: only the digits are held out
    area = ('train', 'val')[rng.integers(2)]
    scene = blank_scene(world, rng, area, SHAPES[split][rng.integers(len(SHAPES[split]))])
    count = int(rng.integers(1, 4))
    for label in rng.integers(len(DIGITS), size=count):
        add_digit(world, rng, scene, split, int(label), SIDES[count - 1])
    place = len(DIGITS) + 1 + PLACE_NAMES.index(scene.place.name)
    labels = np.full(scene.shape, place, np.uint8)
    labels[scene.soft] = UNLABELLED
    for thing in scene.things:
        labels[thing.mask] = int(thing.name) + 1
    stem = f'ADE_{split}_{index + 1:08d}'
    write_bytes(world.out / NAME / 'images' / FOLDERS[split] / f'{stem}.jpg', encode(scene.image))
    write_bytes(world.out / NAME / 'annotations' / FOLDERS[split] / f'{stem}.png', encode(labels, '.png'))


def finish(world: World, records: dict[str, list[None]]) -> None:
    """Write the class list, in the order of the map's values from 1 on."""
    write_lines(world.out / NAME / 'classes.txt', CLASSES)


def preview(world: World) -> list[tuple[np.ndarray, str]]:
    """Validation images, each beside its map."""
    cells = []
    colours = np.random.default_rng(0).integers(60, 256, (len(CLASSES) + 1, 3)).astype(np.uint8)
    colours[UNLABELLED] = 255
    colours[len(DIGITS) + 1 :] //= 3
    for path in sorted((world.out / NAME / 'images' / FOLDERS['val']).iterdir())[:6]:
        labels = read_image(world.out / NAME / 'annotations' / FOLDERS['val'] / f'{path.stem}.png')[..., 0]
        names = ', '.join(CLASSES[i - 1] for i in np.unique(labels) if i != UNLABELLED)
        cells.append((np.hstack([read_image(path), colours[labels]]), names))
    return cells
