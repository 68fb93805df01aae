"""Names of models and of their released files."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from eva_mm.apis import list_models
from eva_mm.apis.errors import UserError
from eva_mm.apis.model_index import (
    HUB,
    find_model,
    find_weights,
    model_index,
    weights_folder,
)
from eva_mm.tasks import TASKS

ROOT = Path(__file__).parents[2]
EVA = 'eva-g-p14_in21k-pre_in1k-336px'


def test_importing_the_apis_imports_neither_torch_nor_a_host():
    code = (
        'import sys, eva_mm.apis; '
        'print([name for name in ("torch", "mmpretrain", "mmdet", "mmseg", "mmaction", "open_clip") '
        'if name in sys.modules])'
    )
    done = subprocess.run([sys.executable, '-c', code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.strip() == '[]', done.stderr


def test_apis_has_all_its_names_and_no_others():
    import eva_mm.apis

    assert set(eva_mm.apis.__all__) <= set(dir(eva_mm.apis))
    assert callable(eva_mm.apis.list_models)
    with pytest.raises(AttributeError, match='has no'):
        _ = eva_mm.apis.no_such_name


def test_every_model_has_a_config_and_a_task():
    for name, info in model_index().items():
        assert info.config.is_file(), name
        assert info.task in TASKS, name


def test_every_released_model_has_its_file():
    """EVA has 29 checkpoints, two of which are backbones alone: psz14to16 and clip_psz14_vision_enc.

    What came later lies in other folders.
    """
    files = {info.weights: info.hub for info in model_index().values() if info.weights}
    assert len(files) == len([info for info in model_index().values() if info.weights])
    later = {
        'https://huggingface.co/QuanSun/EVA-CLIP': 6,
        'https://huggingface.co/Yuxin-CV/EVA-02': 31,
    }
    assert Counter(files.values()) == {HUB: 27, **later}


def test_tasks_stand_for_released_models_of_their_kind():
    for name, task in TASKS.items():
        info = model_index()[task.default_model]
        assert info.weights
        assert info.task == {'features': 'pretrain'}.get(name, name)


def test_list_models_takes_patterns_words_and_tasks():
    assert EVA in list_models() and 'nano/video' in list_models()
    assert list_models('eva-l-*336px') == ['eva-l-p14_in1k-336px', 'eva-l-p14_in21k-pre_in1k-336px']
    assert list_models('lvis') == list_models('*lvis*') != []
    assert set(list_models(task='clip')) == {
        'nano/clip', 'nano/clip_eva02', 'eva-clip-g-p14_laion400m-224px', 'eva-clip-g-plus-p14_merged2b-224px',
        'eva02-clip-b-p16_merged2b-224px', 'eva02-clip-l-p14_merged2b-224px', 'eva02-clip-l-p14_merged2b-336px',
        'eva02-clip-e-p14_laion2b-224px', 'eva02-clip-e-plus-p14_laion2b-224px',
    }  # fmt: skip
    assert list_models(task='zero-shot') == list_models(task='clip')
    assert not any('video' in name for name in list_models(task='features'))
    with pytest.raises(UserError, match="task='depth' is unknown: choose from pretrain, classification"):
        list_models(task='depth')


@pytest.mark.parametrize(
    'name', ['nano/classification', 'configs/nano/classification.py', str(ROOT / 'configs/nano/classification.py')]
)
def test_a_config_is_found_by_name_and_by_path(name):
    assert find_model(name).config.resolve() == ROOT / 'configs/nano/classification.py'
    assert find_model(name).task == 'classification'


def test_configs_without_a_metafile_entry_are_found():
    assert find_model('clip/zero-shot_in1k').config == ROOT / 'configs/clip/zero-shot_in1k.py'
    assert find_model('clip/zero-shot_in1k').weights is None


def test_an_unknown_name_is_answered_with_near_ones():
    with pytest.raises(UserError, match=f'eva-g-p14_in21k_in1k-336 is neither .* did you mean .*{EVA}'):
        find_model('eva-g-p14_in21k_in1k-336')


def test_released_files_are_looked_up_and_not_downloaded(tmp_path, monkeypatch):
    info = model_index()[EVA]
    with pytest.raises(FileNotFoundError) as error:
        find_weights(info, tmp_path)
    for part in ('eva_21k_1k_336px_psz14_ema_89p6.pt', HUB, str(tmp_path)):
        assert part in str(error.value)
    plus = model_index()['eva-clip-g-plus-p14_merged2b-224px']
    with pytest.raises(FileNotFoundError, match=rf'get it with eva-mm download .* \(it is on {plus.hub}\)'):
        find_weights(plus, tmp_path)
    (tmp_path / info.weights).touch()
    assert find_weights(info, tmp_path) == tmp_path / info.weights
    monkeypatch.setenv('EVA_MM_WEIGHTS', str(tmp_path))
    assert find_weights(info) == tmp_path / info.weights
    monkeypatch.delenv('EVA_MM_WEIGHTS')
    assert weights_folder() == Path('checkpoints')


def test_what_was_not_released_is_said():
    with pytest.raises(UserError, match='No weights were released for nano/video'):
        find_weights(model_index()['nano/video'])
