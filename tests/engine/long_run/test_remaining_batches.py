import pytest

from eva_mm.engine.long_run.remaining_batches import RemainingBatches


class Batches:
    """Counts how often it was begun."""

    begun = 0

    def __iter__(self):
        self.begun += 1
        return iter('cdef')


@pytest.mark.parametrize('skip', ['one by one', 'at once', 'in two parts', 'both ways'])
def test_what_is_done_is_passed_over_without_reading(skip):
    batches = Batches()
    remaining = RemainingBatches(batches, done=2)
    if skip == 'one by one':
        assert [next(remaining), next(remaining)] == [None, None]
    elif skip == 'at once':
        remaining.skip_iter(2)
    elif skip == 'in two parts':
        remaining.skip_iter(1)
        remaining.skip_iter(1)
    else:
        next(remaining)
        remaining.skip_iter(1)
    assert batches.begun == 0
    assert ''.join(remaining) == 'cdef'
    assert batches.begun == 1


def test_nothing_done():
    remaining = RemainingBatches('ab', done=0)
    remaining.skip_iter(0)
    assert list(remaining) == ['a', 'b']


def test_more_than_is_done_is_an_error():
    with pytest.raises(ValueError, match='3 batches are to be passed over, but only 2 are done'):
        RemainingBatches('ab', done=2).skip_iter(3)
