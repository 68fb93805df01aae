import json

import pytest

from eva_mm.models.multimodal.zero_shot import CLASS_NAMES, TEMPLATES, find_class_names, find_templates


def test_numbers_of_sentences_and_classes():
    """As in openai/CLIP, data/prompts.md and its notebook for ImageNet."""
    expected = dict(plain=1, imagenet=80, cifar=18, ucf101=48, kinetics=28)
    assert {name: len(set(templates)) for name, templates in TEMPLATES.items()} == expected
    assert {name: len(names) for name, names in CLASS_NAMES.items()} == dict(imagenet=1000, cifar10=10, cifar100=100)


@pytest.mark.parametrize(
    'name, sentence',
    [
        ('imagenet', 'itap of my {}.'),
        ('cifar', 'a black and white photo of the {}.'),
        ('cifar', 'a photo of the small {}.'),
        ('ucf101', 'a demonstration of the person practicing {}.'),
        ('ucf101', 'a photo of a person {}.'),
        ('kinetics', 'a example of {}.'),
        ('kinetics', 'a video of a person during {}.'),
    ],
)
def test_sentences(name, sentence):
    assert sentence in TEMPLATES[name]


def test_class_names_of_files(tmp_path):
    (tmp_path / 'classInd.txt').write_text('1 ApplyEyeMakeup\n2 YoYo\n')
    (tmp_path / 'k400.txt').write_text('air drumming\nvolleyball_spiking\n')
    (tmp_path / 'objectnet.json').write_text(json.dumps({'Tie': 'necktie', 'Bench': 'park bench'}))
    assert find_class_names(str(tmp_path / 'classInd.txt')) == ['Apply Eye Makeup', 'Yo Yo']
    assert find_class_names(str(tmp_path / 'k400.txt')) == ['air drumming', 'volleyball spiking']
    assert find_class_names(str(tmp_path / 'objectnet.json')) == ['Bench', 'Tie']
    assert find_class_names(('cat', 'dog')) == ['cat', 'dog']


def test_unknown_classes():
    with pytest.raises(FileNotFoundError, match="classes='imagenet22k' is no file and none of imagenet, cifar10"):
        find_class_names('imagenet22k')


@pytest.mark.parametrize(
    'templates, message', [('clip', 'choose from plain'), (['a cat'], "got 'a cat'"), ([], r'\[\]')]
)
def test_wrong_templates(templates, message):
    with pytest.raises(ValueError, match=message):
        find_templates(templates)
