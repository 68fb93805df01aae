import pytest
import torch

from eva_mm.checkpoint.class_rows import NO_ROW, read_class_rows, select_class_rows


def test_rows_are_picked_and_the_rest_keeps_its_start():
    weight, initial = torch.arange(12.0).view(6, 2).half(), torch.full((3, 2), -1.0)
    chosen = select_class_rows(weight, [5, NO_ROW, 0], initial)
    assert chosen.dtype == torch.float32
    assert chosen.tolist() == [[10, 11], [-1, -1], [0, 1]]
    assert initial.unique().tolist() == [-1]


@pytest.mark.parametrize(
    ('rows', 'message'),
    [
        ([0, 1], 'map has 2 classes and the classifier 3'),
        ([0, 1, 6], 'asks for row 6, the classifier of the file has 6'),
    ],
)
def test_maps_that_do_not_fit_are_refused(rows, message):
    with pytest.raises(ValueError, match=message):
        select_class_rows(torch.zeros(6), rows, torch.zeros(3))


def test_row_maps_are_read_by_their_first_word(tmp_path):
    path = tmp_path / 'rows.txt'
    path.write_text('12 arm wrestling\n-1 bull fighting\n')
    assert read_class_rows(path) == [12, NO_ROW]
    path.write_text('12 archery\nabseiling\n')
    with pytest.raises(ValueError, match="Line 2 of .*rows.txt is 'abseiling', expected a row number"):
        read_class_rows(path)
    with pytest.raises(FileNotFoundError, match='make it with tools/dataset_converters/make_k722.py'):
        read_class_rows(tmp_path / 'other.txt')
