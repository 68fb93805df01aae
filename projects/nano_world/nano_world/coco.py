"""COCO's layout: scenes with up to three digits, exact boxes and masks; LVIS shares them."""

from typing import Any

import numpy as np

from . import lvis
from .annotated import draw_annotations
from .digits import WORDS
from .files import encode, write_bytes, write_json
from .outline import polygons
from .scene import add_digit, blank_scene, crowd_sides
from .stickers import add_sticker
from .world import NUM_DIGITS, World

NAME = 'coco'
SIZES = {'train': 1200, 'val': 200}
SHAPES = ((112, 112), (112, 112), (96, 112), (112, 96))
# Ids with holes, as in COCO, where a category id is never a class index.
CATEGORY_IDS = (1, 2, 3, 4, 6, 7, 8, 10, 11, 13)
EMPTY_IMAGES = 0.03
FIRST_IDS = {'train': 9, 'val': 400139}


def image_id(split: str, index: int) -> int:
    """Ids have gaps and those of train and val are disjoint."""
    return FIRST_IDS[split] + 3 * index


def write(world: World, split: str, index: int) -> dict[str, Any]:
    """Write one scene; return its size and its things.

    The train images that LVIS validates on carry digits that no other train image has.
    """
    key = f'{NAME}/{split}'
    rng = world.rng(key, index)
    lvis_split = lvis.split_of(world, split, index)
    pool = 'test' if lvis_split == 'val' and split == 'train' else split
    scene = blank_scene(world, rng, split, SHAPES[rng.integers(len(SHAPES))])
    count = 0 if rng.random() < EMPTY_IMAGES else int(rng.integers(1, 4))
    for label in rng.integers(NUM_DIGITS, size=count):
        add_digit(world, rng, scene, pool, int(label), crowd_sides(count))
    for shape in lvis.stickers_on(world, split, index):
        add_sticker(world, rng, scene, split, shape)
    identity = image_id(split, index)
    write_bytes(world.out / NAME / f'{split}2017' / f'{identity:012d}.jpg', encode(scene.image))
    things = [
        {
            'name': WORDS[int(thing.name)] if thing.name.isdigit() else thing.name,
            'bbox': thing.box,
            'area': int(thing.mask.sum()),
            'segmentation': polygons(thing.mask),
        }
        for thing in scene.things
        if thing.mask.any()
    ]
    return {
        'id': identity,
        'shape': scene.shape,
        'split': split,
        'lvis': lvis_split,
        'things': things,
    }


def finish(world: World, records: dict[str, list[dict[str, Any]]]) -> None:
    """Write ``annotations/instances_{train,val}2017.json`` and the LVIS files beside them."""
    folder = world.out / NAME / 'annotations'
    for split, images in records.items():
        write_json(folder / f'instances_{split}2017.json', _instances(split, images))
    for split, content in lvis.annotations(world, [*records['train'], *records['val']]).items():
        write_json(folder / f'lvis_v1_{split}.json', content)


def _instances(split: str, images: list[dict[str, Any]]) -> dict[str, Any]:
    ids = dict(zip(WORDS, CATEGORY_IDS, strict=True))
    annotations = []
    for image in images:
        for thing in image['things']:
            if thing['name'] not in ids:
                continue
            fields = {key: thing[key] for key in ('bbox', 'area', 'segmentation')}
            annotations.append(
                {
                    'id': len(annotations) + 1,
                    'image_id': image['id'],
                    'category_id': ids[thing['name']],
                    'iscrowd': 0,
                    **fields,
                }
            )
    return {
        'info': {'description': f'nano world, {split}', 'version': '1.0', 'year': 2017},
        'licenses': [{'id': 1, 'name': 'as the packages that ship the pictures', 'url': ''}],
        'images': [
            {
                'id': image['id'],
                'file_name': f'{image["id"]:012d}.jpg',
                'height': image['shape'][0],
                'width': image['shape'][1],
                'license': 1,
            }
            for image in images
        ],
        'annotations': annotations,
        'categories': [{'id': ids[w], 'name': w, 'supercategory': 'digit'} for w in WORDS],
    }


def preview(world: World) -> list[tuple[np.ndarray, str]]:
    """Validation scenes with COCO's annotations, then some with LVIS's, stickers among them."""
    root = world.out / NAME
    shown = draw_annotations(root / 'annotations/instances_val2017.json', root / 'val2017', 11)
    for image, names in draw_annotations(root / 'annotations/lvis_v1_val.json', root, 11, having='sticker'):
        shown.append((image, f'LVIS: {names}'))
    return shown
