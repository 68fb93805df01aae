"""Images without labels in one folder: 84 pixels, one digit or, now and then, two smaller ones."""

from itertools import islice

import numpy as np

from .files import encode, read_image, write_bytes
from .scene import SIDE, add_digit, blank_scene
from .world import NUM_DIGITS, World

NAME = 'unlabelled'
SIZES = {'train': 6000}
TWO_DIGITS = 0.15
SMALL_SIDES = (32, 46)


def write(world: World, split: str, index: int) -> None:
    """Write one image."""
    rng = world.rng(NAME, index)
    scene = blank_scene(world, rng, split, (SIDE, SIDE))
    if rng.random() < TWO_DIGITS:
        for label in rng.integers(NUM_DIGITS, size=2):
            add_digit(world, rng, scene, split, int(label), SMALL_SIDES)
    else:
        add_digit(world, rng, scene, split, world.label(NAME, index))
    write_bytes(world.out / NAME / f'{index:06d}.jpg', encode(scene.image))


def finish(world: World, records: dict[str, list[None]]) -> None:
    """Nothing to add: the folder of images is the data set."""


def preview(world: World) -> list[tuple[np.ndarray, str]]:
    """A few images."""
    return [(read_image(path), '') for path in islice(sorted((world.out / NAME).iterdir()), 11)]
