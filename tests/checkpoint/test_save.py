import pytest
import torch

from eva_mm.checkpoint import read_checkpoint
from eva_mm.checkpoint.file_grid import recorded_grid
from eva_mm.checkpoint.save import write_weights


def test_round_trips(tmp_path):
    weights = {'a': torch.randn(2, 3), 'b': torch.randn(3, 2).T}
    assert torch.equal(read_checkpoint(write_weights(weights, tmp_path / 'a.safetensors'))['b'], weights['b'])
    assert torch.equal(read_checkpoint(write_weights(weights, tmp_path / 'a.pth'))['b'], weights['b'])
    wrapped = read_checkpoint(write_weights(weights, tmp_path / 'a.pt', 'state_dict', {'meta': {'x': 1}}))
    assert wrapped['meta'] == {'x': 1} and torch.equal(wrapped['state_dict']['a'], weights['a'])


@pytest.mark.parametrize('wrapper', ['', 'state_dict'])
def test_the_grid_of_the_positions_is_recorded(tmp_path, wrapper):
    path = write_weights({'a': torch.zeros(1)}, tmp_path / 'a.pth', wrapper, grid=(8, 4, 4))
    assert recorded_grid(read_checkpoint(path)) == (8, 4, 4)


def test_nothing_is_overwritten_and_no_part_is_left(tmp_path):
    path = tmp_path / 'a.pth'
    path.write_bytes(b'precious')
    with pytest.raises(FileExistsError, match='a.pth exists and is not overwritten'):
        write_weights({'a': torch.zeros(1)}, path)
    assert path.read_bytes() == b'precious'
    with pytest.raises(AttributeError):
        write_weights({'a': None}, tmp_path / 'b.safetensors')
    assert [file.name for file in tmp_path.iterdir()] == ['a.pth']


@pytest.mark.parametrize(
    'name, error, message',
    [
        ('a.bin', ValueError, 'must end in one of .safetensors, .pth, .pt'),
        ('nowhere/a.pt', FileNotFoundError, 'There is no folder'),
    ],
)
def test_refusals(tmp_path, name, error, message):
    with pytest.raises(error, match=message):
        write_weights({'a': torch.zeros(1)}, tmp_path / name)
