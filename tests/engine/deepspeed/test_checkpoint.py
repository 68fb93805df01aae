import os
from collections import OrderedDict

import pytest
import torch

pytest.importorskip('deepspeed')

from eva_mm.engine.deepspeed.checkpoint import (  # noqa: E402
    check_directory,
    read_ema,
    read_weights,
    save_ema,
)


@pytest.fixture
def directory(tmp_path):
    """A checkpoint as DeepSpeed writes it without ZeRO."""
    directory = tmp_path / 'iter_2.pth'
    directory.mkdir()
    module = OrderedDict(weight=torch.ones(2), bias=torch.zeros(1))
    torch.save({'module': module}, directory / 'mp_rank_00_model_states.pt')
    return directory


class RunsCode:
    def __reduce__(self):
        return os.mkdir, ('code-has-run',)


def test_sound_directory_passes(directory):
    check_directory(directory)


def test_directory_that_is_no_checkpoint(tmp_path):
    with pytest.raises(FileNotFoundError, match='is no checkpoint of DeepSpeed'):
        check_directory(tmp_path)


def test_missing_directory(tmp_path):
    with pytest.raises(FileNotFoundError, match='is no checkpoint of DeepSpeed'):
        read_weights(tmp_path / 'nowhere')


def test_damaged_file(directory):
    file = directory / 'mp_rank_00_model_states.pt'
    file.write_bytes(file.read_bytes()[:200])
    with pytest.raises(ValueError, match='mp_rank_00_model_states.pt is damaged'):
        check_directory(directory)


@pytest.mark.parametrize('name', ['mp_rank_00_model_states.pt', 'zero_pp_rank_0_optim_states.pt'])
def test_pickle_that_would_run_code_is_refused(directory, name, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    torch.save({'module': RunsCode()}, directory / name)
    with pytest.raises(ValueError, match=f'{name} contains more than a checkpoint'):
        read_weights(directory)
    assert not (tmp_path / 'code-has-run').exists()


def test_weights_without_average(directory):
    checkpoint = read_weights(directory)
    assert checkpoint.keys() == {'state_dict'}
    assert checkpoint['state_dict']['weight'].tolist() == [1.0, 1.0]
    assert read_ema(directory) is None


def test_weights_with_average(directory):
    save_ema(directory, {'module.weight': torch.full((2,), 5.0)}, {'iter': 2})
    assert read_ema(directory)['weight'].tolist() == [5.0, 5.0]
    checkpoint = read_weights(directory)
    assert checkpoint['state_dict']['weight'].tolist() == [5.0, 5.0]
    assert checkpoint['state_dict']['bias'].tolist() == [0.0]
    assert checkpoint['ema_state_dict']['module.weight'].tolist() == [1.0, 1.0]


def test_average_is_a_checkpoint_of_its_own(directory):
    save_ema(directory, {'module.weight': torch.full((2,), 5.0)}, {'iter': 2})
    checkpoint = torch.load(directory / 'ema.pth', weights_only=True)
    assert checkpoint['meta'] == {'iter': 2}
    assert list(checkpoint['state_dict']) == ['weight']
