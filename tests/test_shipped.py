"""Configs of the package, in a checkout and in an installed wheel."""

from pathlib import Path

import pytest

from eva_mm import shipped

CONFIGS = Path(__file__).parents[1] / 'configs'


def test_an_installed_wheel_has_its_configs_inside(tmp_path, monkeypatch):
    package = tmp_path / 'site-packages' / 'eva_mm'
    (package / '.mim' / 'configs').mkdir(parents=True)
    (package / '.mim' / 'model-index.yml').write_text('Import: []\n')
    monkeypatch.setattr(shipped, '__file__', str(package / 'shipped.py'))
    assert shipped.shipped_root.__wrapped__() == package / '.mim'
    (package / '.mim' / 'model-index.yml').unlink()
    with pytest.raises(FileNotFoundError, match='has no configs'):
        shipped.shipped_root.__wrapped__()


@pytest.mark.parametrize('name', ['nano/video', 'nano/video.py', 'eva_mm::nano/video.py'])
def test_a_config_by_its_place(name):
    assert shipped.shipped_config(name) == CONFIGS / 'nano' / 'video.py'


def test_an_unknown_place_is_answered_with_a_near_one():
    with pytest.raises(FileNotFoundError, match=r"no config 'nano/vidoe.py': did you mean 'nano/video.py'\?"):
        shipped.shipped_config('eva_mm::nano/vidoe.py')
