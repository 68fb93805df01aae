"""What holds for all mixed recipes."""

import re
from pathlib import Path

import pytest
from mmengine.config import Config

FOLDER = Path(__file__).parents[2] / 'projects' / 'mixing'
HOSTS = {'mmpretrain', 'mmdet', 'mmseg', 'mmaction'}
# no recipes: what those beside them share
PARTS = {'detection/eva_backbone.py', 'segmentation/class_token.py'}
RECIPES = sorted(path for path in FOLDER.glob('*/*.py') if str(path.relative_to(FOLDER)) not in PARTS)


def test_each_part_is_there():
    assert all((FOLDER / part).is_file() for part in PARTS)


def test_all_four_hosts_are_mixed_with():
    hosts = [re.search(r"'(\w+)::", path.read_text()) for path in RECIPES]
    assert {match[1] for match in hosts if match} == HOSTS
    assert sum(match is not None for match in hosts) >= 12


@pytest.mark.parametrize('path', RECIPES, ids=lambda path: f'{path.parent.name}/{path.stem}')
def test_is_short_and_inherits(path):
    assert len(path.read_text().splitlines()) < 40
    assert '_base_ = [' in path.read_text()


@pytest.mark.parametrize('folder', sorted({path.parent.name for path in RECIPES}))
def test_every_recipe_of_a_folder_trains_a_step_in_its_test(folder):
    test = Path(__file__).parent / f'test_mixing_{folder}.py'
    assert f"'{folder}'" in test.read_text() and ".glob('*.py')" in test.read_text()
    assert 'train_step(' in test.read_text()


@pytest.mark.parametrize('path', RECIPES, ids=lambda path: f'{path.parent.name}/{path.stem}')
def test_readmes_name_every_recipe(path):
    assert f'`{path.name}`' in (path.parent / 'README.md').read_text()


@pytest.mark.parametrize('path', RECIPES, ids=lambda path: f'{path.parent.name}/{path.stem}')
def test_no_weights_are_downloaded(path, monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER.parents[1]))
    assert not re.search(r'https?://', str(Config.fromfile(path).model))
