import pytest
import torch
from long_run_toy import Record, build, train


@pytest.mark.parametrize(
    'options',
    [dict(), dict(workers=1), dict(loop='iter'), dict(amp=True)],
    ids=['epoch', 'worker process', 'iter', 'bf16'],
)
def test_a_killed_run_goes_on_as_the_uninterrupted_one(tmp_path, options):
    whole = train(tmp_path / 'whole', **options)
    assert len(set(whole.losses.values())) == 24
    for die_after in (5, 17):
        part = train(tmp_path / 'part', die_after=die_after, resume=die_after > 5, **options)
        assert part.losses == {step: whole.losses[step] for step in part.losses}
        assert part.batches == {step: whole.batches[step] for step in part.batches}
    rest = train(tmp_path / 'part', resume=True, **options)
    assert min(rest.losses) == 15 and max(rest.losses) == 23
    assert rest.losses == {step: whole.losses[step] for step in rest.losses}
    assert all(torch.equal(value, whole.weights[name]) for name, value in rest.weights.items())


@pytest.mark.parametrize('loop', ['epoch', 'iter'])
def test_skipped_samples_are_not_read(tmp_path, loop):
    train(tmp_path, die_after=7, loop=loop)
    rest = train(tmp_path, resume=True, steps=8, loop=loop)
    assert len(rest.runner.train_dataloader.dataset.dataset.read) == 2 * 4


def test_samples_do_not_depend_on_the_number_of_workers(tmp_path):
    runs = [train(tmp_path / str(workers), workers=workers).batches for workers in (0, 2)]
    assert runs[0] == runs[1]


def test_each_epoch_draws_anew(tmp_path):
    batches = train(tmp_path).batches

    def sample(epoch, index):
        points = [point for step in range(8 * epoch, 8 * epoch + 8) for point in batches[step][1]]
        return next(point for point in points if point[3] == index / 32)

    assert sample(0, 5) != sample(1, 5)
    assert [point[3] for point in batches[0][1]] != [point[3] for point in batches[8][1]]


def test_checkpoints_of_whole_epochs(tmp_path):
    whole = train(tmp_path / 'whole', by_epoch=True)
    train(tmp_path / 'part', die_after=18, by_epoch=True)
    rest = train(tmp_path / 'part', resume=True, by_epoch=True)
    assert rest.losses == {step: whole.losses[step] for step in range(16, 24)}


def test_another_global_batch_is_refused(tmp_path):
    train(tmp_path, die_after=4)
    runner = build(tmp_path, resume=True)
    runner._train_dataloader['batch_size'] = 8
    with pytest.raises(ValueError, match='saved with 4 samples an iteration, this run has 8'):
        runner.train()


@pytest.mark.parametrize('loop', ['epoch', 'iter'])
def test_a_stream_is_read_as_mmengine_does_and_that_is_said(tmp_path, loop, capfd):
    class Stream(torch.utils.data.IterableDataset):
        def __iter__(self):
            yield from ({'inputs': torch.full((4,), float(number))} for number in range(8))

        def __len__(self):
            return 8

    record = Record()
    runner = build(tmp_path, record, loop=loop, steps=16)
    runner._train_dataloader.update(dataset=Stream(), sampler=None, batch_size=1)
    runner.train()
    assert [point[0] for _, (point,) in record.batches.values()] == [*range(8)] * 2
    assert 'Stream is a stream, which has no indices to skip' in ' '.join(capfd.readouterr())
