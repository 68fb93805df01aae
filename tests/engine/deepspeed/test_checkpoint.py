import os
from collections import OrderedDict

import pytest
import torch

pytest.importorskip('deepspeed')

from hostile import flipped, tensor_place  # noqa: E402

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


@pytest.mark.parametrize('name', ['iter_[12].pth', 'iter_*.pth', 'iter_?.pth'])
def test_a_name_that_is_a_pattern_is_refused(name, tmp_path):
    """DeepSpeed would read the directories that it matches."""
    for each in (name, 'iter_1.pth'):
        (tmp_path / each).mkdir()
        torch.save({'module': {'w': torch.ones(1)}}, tmp_path / each / 'mp_rank_00_model_states.pt')
    check_directory(tmp_path / 'iter_1.pth')
    with pytest.raises(ValueError, match='which DeepSpeed takes for a pattern'):
        check_directory(tmp_path / name)
    (tmp_path / 'a[b').mkdir()
    (tmp_path / 'iter_1.pth').rename(tmp_path / 'a[b' / 'iter_1.pth')
    with pytest.raises(ValueError, match='or that of a folder above it'):
        read_weights(tmp_path / 'a[b' / 'iter_1.pth')


@pytest.mark.parametrize('name', ['mp_rank_00_model_states.pt', 'ema.pth'])
def test_one_wrong_bit_is_found(name, directory):
    save_ema(directory, {'module.weight': torch.linspace(0, 1, 500)}, {})
    torch.save({'module': OrderedDict(weight=torch.linspace(0, 1, 500))}, directory / 'mp_rank_00_model_states.pt')
    content = (directory / name).read_bytes()
    place = tensor_place(content, torch.linspace(0, 1, 500))
    (directory / name).write_bytes(flipped(content, place, 3))
    with pytest.raises(ValueError, match=f'{name} is damaged or incomplete .*checksum'):
        read_weights(directory)


@pytest.mark.parametrize('name', ['mp_rank_00_model_states.pt', 'ema.pth'])
def test_values_that_are_not_finite_are_named(name, directory):
    save_ema(directory, {'module.weight': torch.ones(2)}, {})
    bad = {'weight': torch.tensor([1.0, float('nan')])}
    torch.save({'module': bad} if name.startswith('mp') else {'state_dict': bad}, directory / name)
    with pytest.raises(ValueError, match=f'{name} cannot be used: 1 weights hold NaN or infinite values: weight'):
        read_weights(directory)


def test_code_in_the_average_does_not_run(directory, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({'state_dict': RunsCode()}, directory / 'ema.pth')
    with pytest.raises(ValueError, match='ema.pth contains more than a checkpoint'):
        check_directory(directory)
    assert not (tmp_path / 'code-has-run').exists()
