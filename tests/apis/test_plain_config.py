"""Configs of checkpoints are read and never run."""

from pathlib import Path

import pytest
from mmengine.config import Config

from eva_mm.apis.plain_config import read_plain_config

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize('name', ['pretrain', 'classification', 'detection_lvis', 'segmentation', 'video', 'clip'])
def test_what_a_checkpoint_keeps_of_a_config_is_read_back(name):
    text = Config.fromfile(ROOT / f'configs/nano/{name}.py').pretty_text
    assert read_plain_config(text).to_dict() == Config.fromstring(text, '.py').to_dict()


@pytest.mark.parametrize(
    'text',
    [
        'import os',
        "a = open('{victim}', 'w')",
        "a = dict(b=__import__('pathlib').Path('{victim}').touch())",
        "a = [print('x') for _ in (1,)]",
        'a = (lambda: 1)()',
        "a = dict(**{{'b': 1}})",
        'a = b',
        'a.b = 1',
        'a = (',
        'a = ' + '-' * 5000 + '1',
    ],
)
def test_programs_are_refused(text, tmp_path):
    victim = tmp_path / 'victim'
    with pytest.raises(ValueError, match='is refused'):
        read_plain_config(text.format(victim=victim))
    assert not victim.exists()
