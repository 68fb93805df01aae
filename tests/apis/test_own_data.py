"""--data-root on every shipped config: its heads, losses, metrics and data sets are told the three classes."""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from eva_mm.apis.config import load_config

ROOT = Path(__file__).parents[2]
MAKERS = dict(classification='class_folders', detection='coco', segmentation='label_maps', video='video_folders')
# these evaluate what no folder of one's own replaces, and say so
OTHER_FORMATS = ('lvis', 'robustness', 'o365', 'panoptic')
CONFIGS = [
    path
    for path in sorted((ROOT / 'configs').glob('*/*.py'))
    if (path.stem.split('_')[0] if path.parent.name == 'nano' else path.parent.name) in MAKERS
    and not any(name in path.stem for name in OTHER_FORMATS)
]


def _task(path: Path) -> str:
    return path.stem.split('_')[0] if path.parent.name == 'nano' else path.parent.name


@pytest.fixture(scope='session')
def folders(own_folders, tmp_path_factory):
    pytest.importorskip('av')
    root = tmp_path_factory.mktemp('own')
    return {task: getattr(own_folders, maker)(root / task) for task, maker in MAKERS.items()}


def _values(node: Any, key: str) -> Iterator[Any]:
    """All values of a key, however deep."""
    if isinstance(node, Mapping):
        if key in node:
            yield node[key]
        for value in node.values():
            yield from _values(value, key)
    elif isinstance(node, (list, tuple)):
        for value in node:
            yield from _values(value, key)


@pytest.mark.parametrize('config', CONFIGS, ids=lambda path: f'{path.parent.name}/{path.stem}')
def test_every_number_of_classes_is_that_of_the_folder(config, folders):
    task = _task(config)
    cfg = load_config(str(config), data_root=str(folders[task]))
    # panoptic heads count things and stuff
    keys = ('num_classes', 'num_things_classes')
    numbers = [number for key in keys for number in _values(cfg.model, key) if number is not None]
    # a class-agnostic RPN has one class of its own
    assert numbers and set(numbers) == {3}, numbers
    for weights in _values(cfg.model.get('decode_head', {}), 'class_weight'):
        assert weights is None or len(weights) == 4
    for loader in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        if cfg.get(loader):
            (classes,) = _values(cfg[loader].dataset, 'classes')
            assert tuple(classes) == ('cat', 'dog', 'emu')
            for palette in _values(cfg[loader].dataset, 'palette'):
                assert len({tuple(colour) for colour in palette}) == 3
    for evaluator in ('val_evaluator', 'test_evaluator'):
        for file in _values(cfg.get(evaluator), 'ann_file'):
            assert Path(file) == folders[task] / 'annotations' / 'val.json'


def test_a_wrong_folder_is_one_sentence_on_the_command_line(own_folders, tmp_path):
    root = own_folders.label_maps(tmp_path / 'own')
    Image.fromarray(np.zeros((48, 48, 3), np.uint8)).save(root / 'annotations' / 'val' / '0.png')
    command = [sys.executable, 'tools/train.py', 'configs/nano/segmentation.py', '--data-root', str(root)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=200)
    assert done.returncode == 2 and 'Traceback' not in done.stderr
    assert done.stderr.splitlines()[-1] == (
        f'error: {root}/annotations/val/0.png has the colours of an image (mode RGB), expected one number per pixel: '
        'save class ids as a grey or palette png, or write the colour of each class into the class list.'
    )


def test_too_few_samples_for_a_batch_is_one_sentence_on_the_command_line(folders, tmp_path):
    command = [
        sys.executable, 'tools/train.py', 'configs/nano/classification.py', '--data-root',
        str(folders['classification']), '--work-dir', str(tmp_path), '--cfg-options', 'model.backbone.init_cfg=None',
    ]  # fmt: skip
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=200)
    assert done.returncode == 2 and 'Traceback' not in done.stderr
    assert 'error: The 9 training samples do not fill one batch of 20 per process' in done.stderr.splitlines()[-1]
