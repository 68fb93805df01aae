import pytest
import torch

from eva_mm.checkpoint.average import average_checkpoints


@pytest.fixture
def save(tmp_path):
    def write(name, weights):
        torch.save({'state_dict': weights, 'meta': {}}, tmp_path / name)
        return tmp_path / name

    return write


def test_weights_are_averaged_and_counters_kept(save):
    files = [
        save(f'{index}.pth', {'a': torch.full((2,), value), 'n': torch.tensor(index), 'h': torch.tensor(value).half()})
        for index, value in enumerate((1.0, 2.0, 6.0))
    ]
    averaged = average_checkpoints(files)
    assert averaged['a'].tolist() == [3, 3]
    assert averaged['n'].item() == 2 and averaged['n'].dtype == torch.int64
    assert averaged['h'].item() == 3 and averaged['h'].dtype == torch.float16


def test_the_mean_of_equal_files_is_the_file(save):
    weights = {'a': torch.randn(5), 'b': torch.randn(2, 2)}
    averaged = average_checkpoints([save('1.pth', weights), save('2.pth', weights)])
    for name, tensor in weights.items():
        torch.testing.assert_close(averaged[name], tensor)


@pytest.mark.parametrize('other', [{'a': torch.zeros(3)}, {'b': torch.zeros(2)}])
def test_other_models_are_refused(save, other):
    with pytest.raises(ValueError, match='2.pth is of another model than .*1.pth: . weights differ'):
        average_checkpoints([save('1.pth', {'a': torch.zeros(2)}), save('2.pth', other)])


def test_one_file_is_nothing_to_average(save):
    with pytest.raises(ValueError, match='give two or more'):
        average_checkpoints([save('1.pth', {'a': torch.zeros(2)})])
