"""One list of tasks: each row's parts exist, and a task is added by a row."""

import sys
from types import ModuleType

import pytest
import torch
from mmengine.config import Config

from eva_mm import tasks
from eva_mm.apis import build_inferencer, list_models
from eva_mm.apis.inference import Inferencer
from eva_mm.apis.model_index import model_index
from eva_mm.apis.own_data import use_data_root
from eva_mm.apis.planning.new_config import make_config
from eva_mm.checkpoint import convert_state_dict
from eva_mm.checkpoint.rules import KeyTable, Row
from eva_mm.errors import UserError
from eva_mm.shipped import shipped_root
from eva_mm.tasks import TASKS, Recipe, Task, find_task, task_of

PARTS = [
    (task, part)
    for task in TASKS.values()
    for part in ('key_table', 'inferencer', 'use_folder')
    if getattr(task, part) is not None
]


@pytest.mark.parametrize(('task', 'part'), PARTS, ids=lambda value: getattr(value, 'name', value))
def test_every_part_exists(task, part):
    found = task.part(part)
    kind = {'key_table': lambda x: isinstance(x, KeyTable), 'inferencer': lambda x: issubclass(x, Inferencer)}
    assert kind.get(part, callable)(found)


def test_every_recipe_exists_and_is_of_its_task():
    for task in TASKS.values():
        for size, recipe in task.recipes.items():
            path = shipped_root() / 'configs' / recipe.config
            assert path.is_file(), (task.name, size)
            assert task_of(Config.fromfile(path)) is task


def test_every_config_is_of_the_task_of_its_folder():
    # a config of each folder; features have none
    for name in ('pretrain', 'classification', 'detection', 'segmentation', 'video', 'clip'):
        config = shipped_root() / 'configs' / 'nano' / f'{name}.py'
        assert task_of(Config.fromfile(config)) is TASKS[name]
        assert model_index()[f'nano/{name}'].task == name


def test_aliases_name_the_same_task():
    assert find_task('mim') is find_task('pretrain') and find_task('zero-shot') is find_task('clip')
    with pytest.raises(UserError, match="task='depth' is unknown: choose from pretrain, classification"):
        find_task('depth')
    with pytest.raises(UserError, match="The task 'features' has no key_table"):
        find_task('features').part('key_table')


@pytest.fixture
def counting(monkeypatch, tmp_path):
    """A task that counts things: one row, and its parts in one module."""
    parts = ModuleType('counting_parts')

    class CountInferencer(Inferencer):
        task = 'counting'

    def use_folder(cfg, root):
        cfg.counted_root = str(root)
        return 'things to count'

    parts.CountInferencer = CountInferencer
    parts.use_folder = use_folder
    parts.TABLE = KeyTable(rows=(Row(r'count\.(.*)', r'counter.\1'), Row(r'(.*)', r'backbone.\1')))
    monkeypatch.setitem(sys.modules, 'counting_parts', parts)
    row = Task(
        'counting',
        aliases=('how-many',),
        host='mmpretrain',
        model='eva_mm.Counter',
        key_table='counting_parts:TABLE',
        inferencer='counting_parts:CountInferencer',
        use_folder='counting_parts:use_folder',
        default_model='nano/classification',
        hub_tag='image-classification',
        recipes={'nano': Recipe('nano/classification.py', 20)},
    )
    monkeypatch.setitem(tasks.TASKS, 'counting', row)
    return row


def test_a_row_adds_a_task(counting, tmp_path, own_folders):
    cfg = Config(dict(default_scope='mmpretrain', model=dict(type='eva_mm.Counter')))
    assert task_of(cfg) is counting is find_task('how-many')
    assert use_data_root(cfg, str(tmp_path)) == 'things to count' and cfg.counted_root == str(tmp_path)
    assert list_models(task='how-many') == []
    attention = {f'blocks.0.attn.{name}': torch.ones(3) for name in ('qkv.weight', 'q_bias', 'v_bias')}
    converted = convert_state_dict({'count.weight': torch.ones(2), **attention}, 'counting').state_dict
    assert set(converted) == {'counter.weight', *(f'backbone.{name}' for name in attention)}
    # the table of released names serves the new task's own config too
    folder = own_folders.class_folders(tmp_path / 'mine')
    assert make_config('counting', 'nano', str(folder), 8).base.name == 'classification.py'


def test_an_added_task_is_inferred_by_its_own_class(counting, monkeypatch):
    monkeypatch.setattr(tasks, 'task_of', lambda cfg: counting)
    monkeypatch.setattr('eva_mm.apis.inference.build.task_of', lambda cfg: counting)
    inferencer = build_inferencer('counting', False)
    assert type(inferencer).__name__ == 'CountInferencer' and inferencer.model is not None
