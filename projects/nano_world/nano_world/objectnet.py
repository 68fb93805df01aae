"""ObjectNet's layout: class folders of its own, red borders, and files that map to ImageNet.

Released as ``objectnet-1.0/images/<folder>/*.png`` and ``objectnet-1.0/mappings``. Some classes map
to several classes of ImageNet, some to none, and the classes of ImageNet are listed in another
order than that of a network's outputs.
"""

from pathlib import Path

import numpy as np

from .digits import WORDS
from .files import encode, write_bytes, write_json, write_lines
from .scene import add_digit, blank_scene
from .stickers import SHAPES, add_sticker
from .world import World

FOLDER = 'objectnet-1.0'
POOL = 'test'
# ObjectNet's class: the digits it covers; stickers have no class in ImageNet.
DIGITS_OF = {
    'Digit one': (1,),
    'Digit two': (2,),
    'Digit four': (4,),
    'Digit seven': (7,),
    'Round digit': (0, 8),
}
LABELS = (*DIGITS_OF, 'Star sticker', 'Cross sticker')
NUM_FOLDERS = len(LABELS)
TILT, BORDER, RED = 35, 2, (255, 0, 0)
# Line of ``imagenet_to_label_2012_v2`` that holds each network output.
LINES = (3, 7, 0, 9, 5, 1, 8, 2, 6, 4)


def folder_of(label: str) -> str:
    """``Round digit`` lives in ``round_digit``."""
    return label.lower().replace(' ', '_')


def write(world: World, root: Path, rng: np.random.Generator, index_of_label: int, index: int) -> None:
    """Write one image from an unusual angle with the border that marks all of ObjectNet."""
    label = LABELS[index_of_label]
    scene = blank_scene(world, rng, POOL)
    if label in DIGITS_OF:
        add_digit(world, rng, scene, POOL, int(rng.choice(DIGITS_OF[label])), tilt=TILT)
    else:
        add_sticker(world, rng, scene, POOL, next(s for s in SHAPES if label.lower().startswith(s)))
    image = np.full((scene.shape[0] + 2 * BORDER, scene.shape[1] + 2 * BORDER, 3), RED, np.uint8)
    image[BORDER:-BORDER, BORDER:-BORDER] = scene.image
    write_bytes(root / 'images' / folder_of(label) / f'{index:06d}.png', encode(image, '.png'))


def write_mappings(root: Path) -> None:
    """Write the four mapping files."""
    mappings = root / 'mappings'
    write_json(mappings / 'folder_to_objectnet_label.json', {folder_of(label): label for label in LABELS})
    write_json(
        mappings / 'objectnet_to_imagenet_1k.json',
        {label: '; '.join(f'digit {WORDS[d]}' for d in digits) for label, digits in DIGITS_OF.items()},
    )
    write_json(
        mappings / 'pytorch_to_imagenet_2012_id.json',
        {str(i): line for i, line in enumerate(LINES)},
    )
    write_lines(
        mappings / 'imagenet_to_label_2012_v2',
        (f'digit {WORDS[LINES.index(i)]}' for i in range(len(LINES))),
    )
