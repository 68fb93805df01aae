import csv
from types import SimpleNamespace

import numpy as np
import pytest

from eva_mm.engine import BrokenImageHook
from eva_mm.engine.hooks.broken_image_hook import describe

COLUMNS = ('images', 'replaced', 'empty', 'cmyk')


class Faults:
    """Counters of one process, as the data set has them."""

    columns = COLUMNS

    def __init__(self):
        self.total, self.entries, self.marked, self.folder = np.zeros((2, 4), np.int64), [], [], None

    def counts(self):
        return self.total.copy()

    def start_journal(self, folder):
        self.folder = folder

    def new_entries(self):
        entries, self.entries = self.entries, []
        return entries

    def mark(self, indices):
        self.marked += list(indices)

    def add(self, index, source, kind, replaced):
        self.total[source] += (0, replaced, kind == 'empty', kind == 'cmyk')
        self.entries.append(dict(index=index, kind=kind, source='ab'[source], name=f'{index}.jpg', detail='why'))


class Images:
    def __init__(self):
        self.faults, self.epoch = Faults(), None

    def counts(self):
        return dict(a=1234567, b=5)

    def set_epoch(self, epoch):
        self.epoch = epoch


@pytest.fixture
def run(tmp_path):
    lines = []
    return SimpleNamespace(
        lines=lines,
        logger=SimpleNamespace(info=lines.append, warning=lines.append),
        train_dataloader=SimpleNamespace(dataset=Images()),
        work_dir=str(tmp_path),
        epoch=3,
    )


def _rows(run):
    with open(f'{run.work_dir}/broken_images.csv', newline='') as file:
        return [(row['source'], row['kind'], row['name'], row['detail']) for row in csv.DictReader(file)]


def test_an_epoch_is_counted_and_listed(run):
    hook, images = BrokenImageHook(max_fraction=1), run.train_dataloader.dataset
    hook.before_train(run)
    assert run.lines.pop() == '1,234,572 images: a 1,234,567, b 5.'
    for epoch in (3, 4):
        run.epoch = epoch
        hook.before_train_epoch(run)
        assert images.epoch == epoch
        images.faults.total[:, 0] += (10, 5)
        images.faults.add(7, 0, 'empty', True)
        images.faults.add(12, 1, 'cmyk', False)
        hook.after_train_epoch(run)
        assert run.lines.pop() == (
            f'Epoch {epoch + 1}: 1 of 15 images were replaced; found: a: 1 empty; b: 1 cmyk; see broken_images.csv.'
        )
    assert _rows(run) == [('b', 'cmyk', '12.jpg', 'why'), ('a', 'empty', '7.jpg', 'why')]
    assert images.faults.marked == [7, 12, 7, 12]


def test_a_resumed_run_lists_nothing_twice(run):
    for index in (7, 8):
        hook, faults = BrokenImageHook(), run.train_dataloader.dataset.faults
        hook.before_train(run)
        hook.before_train_epoch(run)
        faults.add(7, 0, 'empty', True)
        faults.add(index, 0, 'cmyk', False)
        hook.after_train_epoch(run)
    assert sorted(_rows(run)) == [
        ('a', 'cmyk', '7.jpg', 'why'), ('a', 'cmyk', '8.jpg', 'why'), ('a', 'empty', '7.jpg', 'why')
    ]  # fmt: skip


def test_nothing_broken_is_no_line(run):
    hook = BrokenImageHook()
    hook.before_train(run)
    hook.before_train_epoch(run)
    run.lines.clear()
    hook.after_train_epoch(run)
    assert run.lines == []


@pytest.mark.parametrize(
    'seen, replaced, stops', [(99, 99, False), (100, 10, False), (100, 11, True), (1000, 101, True), (1000, 100, False)]
)
def test_the_bound_and_the_fewest_images(run, seen, replaced, stops):
    hook, faults = BrokenImageHook(max_fraction=0.1, min_images=100, interval=5), run.train_dataloader.dataset.faults
    hook.before_train(run)
    hook.before_train_epoch(run)
    faults.total[0] += (seen, replaced, replaced, 0)
    for batch in range(4):
        hook.after_train_iter(run, batch)
    if not stops:
        hook.after_train_iter(run, 4)
        return
    with pytest.raises(SystemExit, match=f'^{replaced} of {seen} images could not be used .a: {replaced} empty., more'):
        hook.after_train_iter(run, 4)


def test_odd_images_that_are_used_do_not_stop_a_run(run):
    hook, faults = BrokenImageHook(min_images=1), run.train_dataloader.dataset.faults
    hook.before_train(run)
    hook.before_train_epoch(run)
    faults.total[0] += (100, 0, 0, 100)
    hook.after_train_epoch(run)


def test_other_data_sets_are_left_alone(run):
    run.train_dataloader.dataset = [1, 2, 3]
    hook = BrokenImageHook()
    for stage in (hook.before_train, hook.before_train_epoch, hook.after_train_epoch):
        stage(run)
    hook.after_train_iter(run, 99)
    assert run.lines == []


def test_a_wrong_fraction_is_one_sentence():
    with pytest.raises(ValueError, match='max_fraction=2 must lie between 0 and 1'):
        BrokenImageHook(max_fraction=2)


def test_describe():
    assert describe(np.array([[9, 1, 0, 0], [9, 3, 3, 2]]), ('a', 'b'), COLUMNS) == 'b: 3 empty, 2 cmyk'
