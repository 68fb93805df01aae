"""LVIS annotations of COCO's images: with LVIS's classes, and with COCO's."""

from collections.abc import Mapping, Sequence
from typing import Any

# id in COCO and synset in LVIS of each of COCO's classes, from coco_to_synset.json of github.com/lvis-dataset/lvis-api
_SYNSETS = """
1 person.n.01 2 bicycle.n.01 3 car.n.01 4 motorcycle.n.01 5 airplane.n.01 6 bus.n.01 7 train.n.01 8 truck.n.01 9
boat.n.01 10 traffic_light.n.01 11 fireplug.n.01 13 stop_sign.n.01 14 parking_meter.n.01 15 bench.n.01 16 bird.n.01
17 cat.n.01 18 dog.n.01 19 horse.n.01 20 sheep.n.01 21 beef.n.01 22 elephant.n.01 23 bear.n.01 24 zebra.n.01 25
giraffe.n.01 27 backpack.n.01 28 umbrella.n.01 31 bag.n.04 32 necktie.n.01 33 bag.n.06 34 frisbee.n.01 35 ski.n.01
36 snowboard.n.01 37 ball.n.06 38 kite.n.03 39 baseball_bat.n.01 40 baseball_glove.n.01 41 skateboard.n.01 42
surfboard.n.01 43 tennis_racket.n.01 44 bottle.n.01 46 wineglass.n.01 47 cup.n.01 48 fork.n.01 49 knife.n.01 50
spoon.n.01 51 bowl.n.03 52 banana.n.02 53 apple.n.01 54 sandwich.n.01 55 orange.n.01 56 broccoli.n.01 57
carrot.n.01 58 frank.n.02 59 pizza.n.01 60 doughnut.n.02 61 cake.n.03 62 chair.n.01 63 sofa.n.01 64 pot.n.04 65
bed.n.01 67 dining_table.n.01 70 toilet.n.02 72 television_receiver.n.01 73 laptop.n.01 74 mouse.n.04 75
remote_control.n.01 76 computer_keyboard.n.01 77 cellular_telephone.n.01 78 microwave.n.02 79 oven.n.01 80
toaster.n.02 81 sink.n.01 82 electric_refrigerator.n.01 84 book.n.01 85 clock.n.01 86 vase.n.01 87 scissors.n.01 88
teddy.n.01 89 hand_blower.n.01 90 toothbrush.n.01
"""
_WORDS = _SYNSETS.split()
COCO_SYNSETS: dict[int, str] = {int(number): synset for number, synset in zip(_WORDS[::2], _WORDS[1::2])}


def common_images(lvis: Mapping[str, Any], coco: Mapping[str, Any]) -> set[int]:
    """Ids of the images that are in both files; LVIS took over those of COCO.

    Raises:
        ValueError: There is none.
    """
    common = {image['id'] for image in lvis['images']} & {image['id'] for image in coco['images']}
    if not common:
        raise ValueError(
            f'None of the {len(lvis["images"])} images of the LVIS file is among the {len(coco["images"])} of the COCO '
            'file: give the validation files of both.'
        )
    return common


def restrict(lvis: Mapping[str, Any], images: set[int]) -> dict[str, Any]:
    """The part of a LVIS file that is about some images; all classes are kept."""
    return dict(
        lvis,
        images=[image for image in lvis['images'] if image['id'] in images],
        annotations=[each for each in lvis['annotations'] if each['image_id'] in images],
    )


def _coco_ids(lvis: Sequence[Mapping[str, Any]], coco: Sequence[Mapping[str, Any]]) -> dict[int, int]:
    """Id in the LVIS file to id in the COCO file, by synset, and by name where the table has no synset."""
    by_synset = {category['synset']: category['id'] for category in lvis}
    by_name = {category['name']: category['id'] for category in lvis}
    found = {}
    for category in coco:
        synset = COCO_SYNSETS.get(category['id'])
        number = by_synset.get(synset, by_name.get(category['name']))
        if number is None:
            raise ValueError(
                f'The LVIS file has no class for {category["name"]!r} of the COCO file (synset {synset}): '
                'give files of the same world.'
            )
        found[number] = category['id']
    return found


def with_coco_classes(lvis: Mapping[str, Any], coco: Mapping[str, Any]) -> dict[str, Any]:
    """A LVIS file with the classes and the ids of a COCO file; objects of other classes are left out.

    Every class of COCO is kept, also one without objects, because a model's labels follow the ids.

    Raises:
        ValueError: A class of the COCO file is not among those of the LVIS file.
    """
    ids = _coco_ids(lvis['categories'], coco['categories'])
    lists = ('neg_category_ids', 'not_exhaustive_category_ids')
    images = [
        dict(image, **{key: [ids[number] for number in image[key] if number in ids] for key in lists})
        for image in lvis['images']
    ]
    annotations = [
        dict(each, category_id=ids[each['category_id']]) for each in lvis['annotations'] if each['category_id'] in ids
    ]
    names = {category['id']: category['name'] for category in coco['categories']}
    categories = [
        dict(category, id=ids[category['id']], name=names[ids[category['id']]])
        for category in lvis['categories']
        if category['id'] in ids
    ]
    categories.sort(key=lambda category: category['id'])
    return dict(lvis, images=images, annotations=annotations, categories=categories)
