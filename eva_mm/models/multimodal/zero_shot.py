"""Class names and sentences about them: what turns a CLIP into a classifier (arXiv 2103.00020, section 3.1)."""

import re
from collections.abc import Sequence
from itertools import product
from pathlib import Path

from open_clip import build_zero_shot_classifier
from open_clip.zero_shot_metadata import IMAGENET_CLASSNAMES, OPENAI_IMAGENET_TEMPLATES
from torch import Tensor, nn

from eva_mm.registry import DATASETS
from eva_mm.safe_io.files import read_json, read_lines

# Source of all sentences: openai/CLIP, data/prompts.md; those of ImageNet from its notebook, through open_clip.
_MEDIA = ('photo', 'video', 'example', 'demonstration')
_DOING = ('', ' using', ' doing', ' during', ' performing', ' practicing')
_LOOKS = ('', 'blurry ', 'black and white ', 'low contrast ', 'high contrast ', 'bad ', 'good ')

TEMPLATES: dict[str, tuple[str, ...]] = {
    'plain': ('a photo of a {}.',),
    'imagenet': tuple(template('{}') for template in OPENAI_IMAGENET_TEMPLATES),
    'cifar': (
        *(f'a {look}photo of {article} {{}}.' for article, look in product(('a', 'the'), _LOOKS)),
        *(f'a photo of {article} {size} {{}}.' for article, size in product(('a', 'the'), ('small', 'big'))),
    ),
    'ucf101': tuple(
        f'a {medium} of {article} person{doing} {{}}.'
        for doing, article, medium in product(_DOING, ('a', 'the'), _MEDIA)
    ),
    'kinetics': tuple(
        f'a {medium} of{person} {{}}.'
        for medium, person in product(_MEDIA, ('', *(f' a person{doing}' for doing in _DOING)))
    ),
}

CLASS_NAMES: dict[str, tuple[str, ...]] = {
    'imagenet': tuple(IMAGENET_CLASSNAMES),
    'cifar10': ('airplane', 'automobile', 'bird', 'cat', 'deer', 'dog', 'frog', 'horse', 'ship', 'truck'),
    # the underscores are the data set's: CLIP_benchmark, with which the release measured, has them in its sentences
    'cifar100': tuple(
        (
            'apple,aquarium_fish,baby,bear,beaver,bed,bee,beetle,bicycle,bottle,bowl,boy,bridge,bus,butterfly,camel,'
            'can,castle,caterpillar,cattle,chair,chimpanzee,clock,cloud,cockroach,couch,crab,crocodile,cup,dinosaur,'
            'dolphin,elephant,flatfish,forest,fox,girl,hamster,house,kangaroo,keyboard,lamp,lawn_mower,leopard,lion,'
            'lizard,lobster,man,maple_tree,motorcycle,mountain,mouse,mushroom,oak_tree,orange,orchid,otter,palm_tree,'
            'pear,pickup_truck,pine_tree,plain,plate,poppy,porcupine,possum,rabbit,raccoon,ray,road,rocket,rose,sea,'
            'seal,shark,shrew,skunk,skyscraper,snail,snake,spider,squirrel,streetcar,sunflower,sweet_pepper,table,'
            'tank,telephone,television,tiger,tractor,train,trout,tulip,turtle,wardrobe,whale,willow_tree,wolf,woman,'
            'worm'
        ).split(',')
    ),
}


def _words(line: str) -> str:
    """``'12 HandstandWalking'`` and ``'handstand_walking'`` to words."""
    name = re.sub(r'^\d+\s+', '', line.strip())
    return re.sub(r'(?<=[a-z])(?=[A-Z])', ' ', name).replace('_', ' ')


def find_class_names(classes: str | dict | Sequence[str]) -> list[str]:
    """Names of classes in the order of their labels.

    Args:
        classes: A key of ``CLASS_NAMES``, the names themselves, the config of a data set that has them
            (``eva_mm.BenchmarkImages``), or a path: the sorted keys of a JSON file (ObjectNet), one name a line, or
            the sorted folders in a folder. Of lines and folders, numbers in front are dropped, and underscores and
            capitals inside a word become spaces (the lists of UCF-101 and Kinetics).

    Raises:
        FileNotFoundError: ``classes`` is no key, file or folder.
    """
    if isinstance(classes, dict):
        return list(DATASETS.build(classes).metainfo['classes'])
    if not isinstance(classes, str):
        return list(classes)
    if classes in CLASS_NAMES:
        return list(CLASS_NAMES[classes])
    if Path(classes).is_dir():
        return [_words(name) for name in sorted(folder.name for folder in Path(classes).iterdir() if folder.is_dir())]
    if not Path(classes).is_file():
        raise FileNotFoundError(
            f'classes={classes!r} is no file and none of {", ".join(CLASS_NAMES)}: give a file with one name a line.'
        )
    if classes.endswith('.json'):
        return sorted(read_json(classes))
    return [_words(line) for line in read_lines(classes) if line.strip()]


def find_templates(templates: str | dict | Sequence[str]) -> list[str]:
    """Sentences with ``{}`` in the place of a class name.

    Args:
        templates: A key of ``TEMPLATES``, the sentences themselves, or the config of a data set that has them.

    Raises:
        ValueError: An unknown key, or a sentence without ``{}``.
    """
    if isinstance(templates, dict):
        templates = DATASETS.build(templates).metainfo['templates']
    if isinstance(templates, str):
        if templates not in TEMPLATES:
            raise ValueError(f'templates={templates!r} is unknown: choose from {", ".join(TEMPLATES)}, or give a list.')
        return list(TEMPLATES[templates])
    wrong = [template for template in templates if '{}' not in template]
    if wrong or not templates:
        raise ValueError(f'A template needs {{}} where the class name goes, got {wrong[0] if wrong else templates!r}.')
    return list(templates)


def build_classifier(
    model: nn.Module, classes: str | dict | Sequence[str], templates: str | dict | Sequence[str]
) -> Tensor:
    """The mean text feature of each class over all templates, normalised: (E, K).

    Args:
        model: Has ``encode_text`` and ``text.tokenize``.
        classes: As for :func:`find_class_names`.
        templates: As for :func:`find_templates`.
    """
    device = next(model.parameters()).device
    names, sentences = find_class_names(classes), find_templates(templates)
    return build_zero_shot_classifier(model, model.text.tokenize, names, sentences, device=device)
