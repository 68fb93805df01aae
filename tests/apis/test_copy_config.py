"""A copy of a shipped config is the same config, in any directory."""

from pathlib import Path

import pytest
from mmengine.config import Config

from eva_mm.apis.copy_config import copy_config
from eva_mm.apis.errors import UserError

CONFIGS = Path(__file__).parents[2] / 'configs'
# one of each directory
NAMES = [
    str(next(iter(sorted(folder.glob('*.py')))).relative_to(CONFIGS))
    for folder in sorted(CONFIGS.iterdir())
    if folder.is_dir() and folder.name != '_base_'
]


@pytest.mark.parametrize('name', [*NAMES, 'nano/detection', 'nano/video_finetune'])
def test_a_copy_is_the_same_config(name, tmp_path):
    file = tmp_path / 'new' / 'mine.py'
    copy_config(name, file)
    original = (CONFIGS / name).with_suffix('.py')
    assert Config.fromfile(file).to_dict() == Config.fromfile(original).to_dict()


def test_the_command_in_the_copy_is_its_own(tmp_path):
    file = tmp_path / 'mine.py'
    copy_config('nano/detection', file)
    text = file.read_text()
    assert f'eva-mm train {file}\n' in text and 'tools/train.py' not in text
    assert (
        "'eva_mm::detection/cascade-mask-rcnn_eva-g-p16_lsj-1280_coco.py', 'eva_mm::nano/_base_/detection.py'" in text
    )


@pytest.mark.parametrize(
    ('name', 'file', 'message'),
    [
        ('nano/detectoin', 'mine.py', 'Config not found: nano/detectoin .* did you mean nano/detection'),
        ('nano/detection', 'there.py', 'there.py exists: pass the name of a new config'),
        ('nano/detection', 'mine.txt', 'mine.txt is not a .py file'),
        ('there.py', 'mine.py', 'there.py is not a shipped config'),
    ],
)
def test_what_cannot_be_copied(name, file, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'there.py').write_text('a = 1\n')
    with pytest.raises(UserError, match=message):
        copy_config(name, file)
    assert (tmp_path / 'there.py').read_text() == 'a = 1\n'
