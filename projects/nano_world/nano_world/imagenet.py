"""ImageNet-1K's layout: wnid folders, ``meta`` lists, synset names, and ReaL's labels of val."""

import numpy as np

from .digits import WORDS
from .files import encode, read_image, write_bytes, write_json, write_lines
from .scene import add_digit, blank_scene
from .world import NUM_DIGITS, World

NAME = 'imagenet'
SIZES = {'train': 2000, 'val': 500}
FEW_PER_CLASS = 20
# A second, much smaller digit on some images gives ReaL its images with two right answers, and
# every 16th entry of ReaL is empty, as 3,163 of the real 50,000 are.
SECOND_DIGIT_EVERY, EMPTY_EVERY = 12, 16
LARGE_SIDES, SECOND_SIDES = (48, 56), (24, 28)


def wnid(label: int) -> str:
    """The folder of a class; sorted folders are in the order of the labels."""
    return f'n9000000{label}'


def write(world: World, split: str, index: int) -> tuple[str, int, list[int]]:
    """Write one image; return its path below the split, its label and all digits on it."""
    key = f'{NAME}/{split}'
    rng, label = world.rng(key, index), world.label(key, index)
    scene = blank_scene(world, rng, split)
    labels = [label]
    if index % SECOND_DIGIT_EVERY == SECOND_DIGIT_EVERY - 1:
        labels.append((label + int(rng.integers(1, NUM_DIGITS))) % NUM_DIGITS)
        add_digit(world, rng, scene, split, label, LARGE_SIDES)
        add_digit(world, rng, scene, split, labels[1], SECOND_SIDES)
    else:
        add_digit(world, rng, scene, split, label)
    stem = f'ILSVRC2012_val_{index + 1:08d}' if split == 'val' else f'{wnid(label)}_{index}'
    path = f'{wnid(label)}/{stem}.JPEG'
    write_bytes(world.out / NAME / split / path, encode(scene.image))
    return path, label, labels


def finish(world: World, records: dict[str, list[tuple[str, int, list[int]]]]) -> None:
    """Write the lists, the synset names and ``robustness/real.json`` in the order of val files."""
    root = world.out / NAME
    for split, images in records.items():
        write_lines(root / 'meta' / f'{split}.txt', (f'{path} {label}' for path, label, _ in images))
    few = []
    for label in range(NUM_DIGITS):
        few += [image for image in records['train'] if image[1] == label][:FEW_PER_CLASS]
    write_lines(root / 'meta' / 'train_few.txt', (f'{path} {label}' for path, label, _ in few))
    write_lines(root / 'LOC_synset_mapping.txt', (f'{wnid(i)} digit {word}' for i, word in enumerate(WORDS)))
    real = [[] if i % EMPTY_EVERY == EMPTY_EVERY - 1 else labels for i, (_, _, labels) in enumerate(records['val'])]
    write_json(world.out / 'robustness' / 'real.json', real)


def preview(world: World) -> list[tuple[np.ndarray, str]]:
    """The first validation images with their labels."""
    lines = (world.out / NAME / 'meta' / 'val.txt').read_text().splitlines()[:11]
    return [
        (read_image(world.out / NAME / 'val' / path), f'label {label}')
        for path, label in (line.split() for line in lines)
    ]
