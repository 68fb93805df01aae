"""Counting, listing and the bound on stand-ins; the guard and the score in real runs of toy data."""

import csv
import re
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.dataset import BaseDataset
from mmengine.evaluator import BaseMetric, Evaluator
from mmengine.model import BaseModel
from mmengine.runner import Runner
from torch.utils.data import DataLoader

from eva_mm.engine import FaultHook
from eva_mm.engine.hooks.fault_hook import describe

COLUMNS = ('samples', 'replaced', 'empty', 'cmyk')


class Faults:
    """Counters of one process, as the data set has them."""

    columns, sources = COLUMNS, ('a', 'b')

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

    def __len__(self):
        return 1

    def counts(self):
        return dict(a=1234567, b=5)

    def set_epoch(self, epoch):
        self.epoch = epoch


@pytest.fixture
def run(tmp_path):
    lines = []
    loader = DataLoader(Images())
    return SimpleNamespace(
        lines=lines,
        logger=SimpleNamespace(info=lines.append, warning=lines.append),
        train_dataloader=loader,
        _train_loop=SimpleNamespace(dataloader=loader),
        work_dir=str(tmp_path),
        epoch=3,
    )


def _begin(hook, run):
    hook.before_run(run)
    hook.before_train(run)
    hook.before_train_epoch(run)


def _rows(run):
    with open(f'{run.work_dir}/broken_samples.csv', newline='') as file:
        return [(row['source'], row['kind'], row['name'], row['detail']) for row in csv.DictReader(file)]


def test_an_epoch_is_counted_and_listed(run):
    hook, images = FaultHook(max_fraction=1), run.train_dataloader.dataset
    hook.before_run(run)
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
            f'Epoch {epoch + 1}: 1 of 15 samples were replaced; found: a: 1 empty; b: 1 cmyk (12.jpg, 7.jpg); '
            'see broken_samples.csv.'
        )
    assert _rows(run) == [('b', 'cmyk', '12.jpg', 'why'), ('a', 'empty', '7.jpg', 'why')]
    assert images.faults.marked == [7, 12, 7, 12]


def test_a_resumed_run_lists_nothing_twice(run):
    for index in (7, 8):
        hook, faults = FaultHook(), run.train_dataloader.dataset.faults
        _begin(hook, run)
        faults.add(7, 0, 'empty', True)
        faults.add(index, 0, 'cmyk', False)
        hook.after_train_epoch(run)
    assert sorted(_rows(run)) == [
        ('a', 'cmyk', '7.jpg', 'why'), ('a', 'cmyk', '8.jpg', 'why'), ('a', 'empty', '7.jpg', 'why')
    ]  # fmt: skip


def test_nothing_broken_is_no_line(run):
    hook = FaultHook()
    _begin(hook, run)
    run.lines.clear()
    hook.after_train_epoch(run)
    assert run.lines == []


@pytest.mark.parametrize(
    'seen, replaced, stops', [(99, 99, False), (100, 10, False), (100, 11, True), (1000, 101, True), (1000, 100, False)]
)
def test_the_bound_and_the_fewest_images(run, seen, replaced, stops):
    hook, faults = FaultHook(max_fraction=0.1, min_samples=100, interval=5), run.train_dataloader.dataset.faults
    _begin(hook, run)
    faults.total[0] += (seen, replaced, replaced, 0)
    for batch in range(4):
        hook.after_train_iter(run, batch)
    if not stops:
        hook.after_train_iter(run, 4)
        return
    sentence = f'^{replaced} of {seen} samples could not be used .a: {replaced} empty., more'
    with pytest.raises(SystemExit, match=sentence):
        hook.after_train_iter(run, 4)


def test_odd_images_that_are_used_do_not_stop_a_run(run):
    hook, faults = FaultHook(min_samples=1), run.train_dataloader.dataset.faults
    _begin(hook, run)
    faults.total[0] += (100, 0, 0, 100)
    hook.after_train_epoch(run)


def test_a_wrong_fraction_is_one_sentence():
    with pytest.raises(ValueError, match='max_fraction=2 must lie between 0 and 1'):
        FaultHook(max_fraction=2)


def test_describe():
    assert describe(np.array([[9, 1, 0, 0], [9, 3, 3, 2]]), ('a', 'b'), COLUMNS) == 'b: 3 empty, 2 cmyk'


class LoadNumber:
    """Fails for some numbers, as a loading transform does."""

    broken = (3, 7)

    def __call__(self, results):
        if results['number'] in self.broken:
            raise OSError('image file is truncated')
        return dict(inputs=torch.tensor([float(results['number'])]), data_samples=results['number'])


class Numbers(BaseDataset):
    """A host's data set."""

    def load_data_list(self):
        return [dict(number=number, img_path=f'{number}.jpg') for number in range(12)]


class Echo(BaseModel):
    """Predicts its input."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))

    def forward(self, inputs, data_samples=None, mode='tensor'):
        inputs = torch.stack(inputs) if isinstance(inputs, list) else inputs
        if mode == 'predict':
            return [dict(number=int(value)) for value in inputs.flatten()]
        return {'loss': (inputs * self.weight).mean()}


class Sum(BaseMetric):
    """Of all numbers that were predicted; keeps one result for a sample, or one for a batch."""

    def __init__(self, by_batch=False):
        super().__init__(prefix='numbers')
        self.by_batch = by_batch

    def process(self, data_batch, data_samples):
        numbers = [sample['number'] for sample in data_samples]
        self.results += [sum(numbers)] if self.by_batch else numbers

    def compute_metrics(self, results):
        return dict(sum=sum(results), results=len(results))


def toy(tmp_path, loop='EpochBasedTrainLoop', by_batch=False, workers=0, **options):
    def data(test_mode):
        dataset = Numbers(pipeline=[LoadNumber()], test_mode=test_mode)
        sampler = dict(type='DefaultSampler', shuffle=not test_mode)
        return dict(dataset=dataset, batch_size=4, num_workers=workers, sampler=sampler)

    length = dict(max_epochs=1) if 'Epoch' in loop else dict(max_iters=3)
    return Runner(
        model=Echo(),
        work_dir=str(tmp_path),
        train_dataloader=data(False),
        val_dataloader=data(True),
        test_dataloader=data(True),
        train_cfg=dict(type=loop, **length),
        val_cfg=dict(),
        test_cfg=dict(),
        val_evaluator=Evaluator(Sum(by_batch)),
        test_evaluator=Evaluator(Sum(by_batch)),
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1)),
        custom_hooks=[dict(type='eva_mm.FaultHook', **options)],
        experiment_name=str(tmp_path),
    )


LOOPS = ('EpochBasedTrainLoop', 'IterBasedTrainLoop', 'eva_mm.ResumableEpochLoop', 'eva_mm.ResumableIterLoop')


@pytest.mark.parametrize('loop', LOOPS)
@pytest.mark.parametrize('workers', [0, 1])
def test_a_host_data_set_is_guarded_in_every_loop(tmp_path, loop, workers, capfd):
    runner = toy(tmp_path, loop, workers=workers)
    runner.train()
    metrics = runner.test()
    # 3 and 7 do not count, and neither do the 4 and 8 that stand in for them
    assert metrics == {'numbers/sum': sum(range(12)) - 10, 'numbers/results': 10}
    said = ' '.join(capfd.readouterr())
    # workers may have read ahead
    assert re.search(r'(\d+) of \d+ samples were replaced; found: samples: \1 truncated \(3.jpg, 7.jpg\)', said)
    assert workers or '2 of 12 samples were replaced' in said
    for split in ('validation', 'test'):
        assert f'2 of 12 {split} samples could not be read and do not count: samples: 2 truncated' in said
    with open(tmp_path / 'broken_samples.csv', newline='') as file:
        assert {(row['name'], row['kind']) for row in csv.DictReader(file)} == {
            ('3.jpg', 'truncated'), ('7.jpg', 'truncated')
        }  # fmt: skip


def test_a_metric_of_batches_counts_what_stands_in_and_says_so(tmp_path, capfd):
    metrics = toy(tmp_path, by_batch=True).test()
    assert metrics == {'numbers/sum': sum(range(12)) + 2, 'numbers/results': 3}
    said = ' '.join(capfd.readouterr())
    assert 'Sum keeps 3 results for 12 samples: the score holds those that stand in for 2' in said


def test_a_sound_evaluation_is_that_of_the_metric(tmp_path, monkeypatch):
    monkeypatch.setattr(LoadNumber, 'broken', ())
    assert toy(tmp_path).test() == {'numbers/sum': sum(range(12)), 'numbers/results': 12}
    assert not (tmp_path / 'broken_samples.csv').exists()


def test_an_evaluation_can_refuse(tmp_path):
    with pytest.raises(ValueError, match='3.jpg is truncated'):
        toy(tmp_path, policy='refuse').test()
