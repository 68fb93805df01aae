"""A config for one's own data: what is chosen, and that what is written loads and builds."""

import math
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from mmengine.registry import MODELS, DefaultScope

from eva_mm.apis.config import load_config
from eva_mm.apis.errors import UserError
from eva_mm.apis.planning.new_config import MIN_BATCH, make_config

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope='module')
def folders(own_folders, tmp_path_factory):
    root = tmp_path_factory.mktemp('own')
    return dict(
        classification=own_folders.class_folders(root / 'classification'),
        detection=own_folders.coco(root / 'detection'),
        segmentation=own_folders.label_maps(root / 'segmentation'),
    )


def _classes(model):
    if hasattr(model, 'roi_head'):
        return [head.fc_cls.out_features - 1 for head in model.roi_head.bbox_head]
    head = model.decode_head.cls_embed if hasattr(model, 'decode_head') else model.head.fc
    return [head.out_features - hasattr(model, 'decode_head')]


@pytest.mark.parametrize(
    'task, size', [('classification', 'large'), ('detection', 'base'), ('segmentation', 'base'), ('detection', 'nano')]
)
def test_what_is_written_is_short_loads_and_builds(task, size, folders, tmp_path):
    made = make_config(task, size, str(folders[task]), gpu_memory=24)
    file = tmp_path / 'mine.py'
    made.write(file)
    assert len(file.read_text().splitlines()) < 40
    cfg = load_config(str(file))
    cfg.model.data_preprocessor.pop('blending', None)
    with DefaultScope.overwrite_default_scope(cfg.default_scope), torch.device('meta'):
        model = MODELS.build(cfg.model)
    assert set(_classes(model)) == {3}
    assert cfg.train_dataloader.batch_size == made.settings['train_dataloader']['batch_size']
    assert cfg.optim_wrapper.optimizer.lr == made.settings['optim_wrapper']['optimizer']['lr']
    if cfg.train_cfg.get('max_iters'):
        assert all(step['end'] <= cfg.train_cfg.max_iters for step in cfg.param_scheduler)


def _many(folder: Path, tmp_path: Path, copies: int) -> str:
    """The folder with every training image ``copies`` times."""
    root = tmp_path / 'many'
    for file in folder.rglob('*.jpg'):
        for index in range(copies if 'train' in file.parts else 1):
            link = root / file.relative_to(folder).parent / f'{file.stem}_{index}.jpg'
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(file)
    return str(root)


def test_less_memory_means_accumulation_then_checkpointing_then_a_refusal(folders, tmp_path):
    root = _many(folders['classification'], tmp_path, 400)
    choices = []
    for memory in (80, 12, 6.5):
        settings = make_config('classification', 'large', root, memory).settings
        batch = settings['train_dataloader']['batch_size']
        accumulated = settings['strategy']['gradient_accumulation_steps']
        choices.append((batch, accumulated, settings['model']['backbone']['with_cp']))
        # 2,400 images: 120 samples a step make 20 steps; rounded up to whole batches
        assert 120 <= batch * accumulated < 120 + accumulated
        lr = 6e-5 * math.sqrt(batch * accumulated / 512)
        assert settings['optim_wrapper']['optimizer']['lr'] == pytest.approx(lr, rel=1e-2)
    assert choices[0][0] > choices[1][0] > choices[2][0] and choices[0][1] < choices[1][1]
    assert not choices[0][2]
    with pytest.raises(UserError, match='One sample needs .* GiB on each of 1 GPUs even with activation checkpointing'):
        make_config('classification', 'large', root, 3)


def test_more_gpus_share_the_batch(folders, tmp_path):
    root = _many(folders['classification'], tmp_path, 400)
    settings = make_config('classification', 'large', root, 80, gpus=8).settings
    assert settings['train_dataloader'] == dict(batch_size=15)
    assert settings['strategy'] == dict(gradient_accumulation_steps=1)


def test_a_small_set_keeps_a_batch(folders):
    made = make_config('classification', 'nano', str(folders['classification']), 8)
    assert made.settings['train_dataloader'] == dict(batch_size=MIN_BATCH)


@pytest.mark.parametrize(
    'arguments, message',
    [
        (('video', 'large', 'x', 24), 'There is no recipe for video large: choose from'),
        (('detection', 'nano', 'no/such', 24), "'no/such' is not a directory"),
        (('detection', 'nano', 'x', 0), 'at least one GPU with memory'),
    ],
)
def test_wrong_requests_are_one_sentence(arguments, message):
    with pytest.raises(UserError, match=message):
        make_config(*arguments)


def test_an_existing_file_is_kept(folders, tmp_path):
    made = make_config('classification', 'nano', str(folders['classification']), 8)
    file = tmp_path / 'mine.py'
    file.write_text('precious')
    with pytest.raises(UserError, match='mine.py exists: give the name of a new config'):
        made.write(file)
    assert file.read_text() == 'precious'


def test_without_terminal_a_missing_option_is_one_sentence():
    done = subprocess.run(
        [sys.executable, 'tools/misc/new_config.py', '--task', 'video'],
        cwd=ROOT, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=120,
    )  # fmt: skip
    assert done.returncode == 2 and done.stderr.splitlines()[-1] == (
        'error: --size is missing and stdin is not a terminal: pass it.'
    )
