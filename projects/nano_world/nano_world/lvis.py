"""LVIS v1 on the COCO images: more categories with a long tail, and federated annotation.

As in LVIS, val is COCO's val and some of COCO's train images. Counts and frequencies in both files
are of train: rare up to 10 images, common up to 100. An image names categories verified to be
absent and those not annotated to the last instance; one neither annotated nor named is unknown.
"""

from collections import Counter
from typing import Any

from .digits import WORDS
from .stickers import SHAPES
from .world import World

URL = 'http://images.cocodataset.org/'
VAL_SHARE_OF_TRAIN = 1 / 15
# Images with each sticker at full size: common (11 to 100) to rare (at most 10).
STICKERS_TRAIN = (60, 32, 15, 9, 6, 4)
STICKERS_VAL = 6
FULL_TRAIN, FULL_VAL = 1120, 200
UNKNOWN_SHARE, INCOMPLETE_SHARE, NEGATIVES = 0.1, 0.3, 3
RARE, COMMON = 10, 100


def split_of(world: World, split: str, index: int) -> str:
    """The LVIS split of a COCO image."""
    size = world.sizes['coco']['train']
    return 'val' if split == 'val' or index >= size - round(size * VAL_SHARE_OF_TRAIN) else 'train'


def stickers_on(world: World, split: str, index: int) -> list[str]:
    """The stickers on a COCO image, at most one; exact numbers of images per sticker."""
    size = world.sizes['coco'][split]
    if split == 'train':
        size -= round(size * VAL_SHARE_OF_TRAIN)
    full, counts = (FULL_TRAIN, STICKERS_TRAIN) if split == 'train' else (FULL_VAL, (STICKERS_VAL,) * len(SHAPES))
    shapes = [s for s, n in zip(SHAPES, counts, strict=True) for _ in range(max(1, round(n * size / full)))]
    chosen = world.rng(f'lvis/{split}').permutation(size)[: len(shapes)].tolist()
    return [shapes[chosen.index(index)]] if index in chosen else []


def annotations(world: World, images: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The content of ``lvis_v1_train.json`` and ``lvis_v1_val.json``."""
    names = sorted([*WORDS, *(f'{shape}_sticker' for shape in SHAPES)])
    ids = {name: i + 1 for i, name in enumerate(names)}
    parts: dict[str, tuple[list[dict[str, Any]], list[dict[str, Any]]]] = {
        'train': ([], []),
        'val': ([], []),
    }
    for image in images:
        entries, things = parts[image['lvis']]
        entry, kept = _annotate(world, image, ids)
        entries.append(entry)
        things += [{'id': len(things) + i, **thing} for i, thing in enumerate(kept, start=1)]
    categories = _categories(names, parts['train'][1])
    return {
        split: {
            'info': {'description': f'nano world, LVIS {split}', 'version': 'v1.0', 'year': 2020},
            'licenses': [{'id': 1, 'name': 'as the packages that ship the pictures', 'url': ''}],
            'images': entries,
            'annotations': things,
            'categories': categories,
        }
        for split, (entries, things) in parts.items()
    }


def _annotate(world: World, image: dict[str, Any], ids: dict[str, int]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The entry of the image and the annotations kept.

    At random a digit stays unknown, or loses an instance and is named as not exhaustive.
    """
    rng = world.rng('lvis/federated', image['id'])
    things = image['things']
    counts = Counter(thing['name'] for thing in things)
    incomplete = [n for n in counts if counts[n] > 1 and rng.random() < INCOMPLETE_SHARE]
    known = [n for n in WORDS if n in counts and n not in incomplete]
    unknown = [n for n in known if len(counts) > 1 and rng.random() < UNKNOWN_SHARE][:1]
    kept, lost = [], set()
    for thing in things:
        name = thing['name']
        if name in unknown:
            continue
        if name in incomplete and name not in lost:
            lost.add(name)
            continue
        fields = {key: thing[key] for key in ('bbox', 'area', 'segmentation')}
        kept.append({'image_id': image['id'], 'category_id': ids[name], **fields})
    absent = [ids[name] for name in ids if name not in counts]
    folder = f'{image["split"]}2017'
    entry = {
        'id': image['id'],
        'coco_url': f'{URL}{folder}/{image["id"]:012d}.jpg',
        'flickr_url': '',
        'date_captured': '2017-01-01 00:00:00',
        'height': image['shape'][0],
        'width': image['shape'][1],
        'license': 1,
        'neg_category_ids': sorted(rng.choice(absent, NEGATIVES, replace=False).tolist()),
        'not_exhaustive_category_ids': sorted(ids[name] for name in incomplete),
    }
    return entry, kept


def _categories(names: list[str], train_things: list[dict[str, Any]]) -> list[dict[str, Any]]:
    instances = Counter(thing['category_id'] for thing in train_things)
    images = Counter(category for _, category in {(t['image_id'], t['category_id']) for t in train_things})
    return [
        {
            'id': i,
            'name': name,
            'synset': f'{name}.n.01',
            'synonyms': [name],
            'def': f'the digit {name}' if name in WORDS else f'a cut-out photograph, {name.replace("_", " ")}',
            'image_count': images[i],
            'instance_count': instances[i],
            'frequency': 'r' if images[i] <= RARE else 'c' if images[i] <= COMMON else 'f',
        }
        for i, name in enumerate(names, start=1)
    ]
