import random

import numpy as np
import pytest
import torch
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.runner import FlexibleRunner, Runner, loops

from eva_mm.engine.long_run.step_seed import StepSeedHook


class Points(torch.utils.data.Dataset):
    """Points augmented with Python's, NumPy's and torch's random numbers."""

    def __len__(self):
        return 8

    def __getitem__(self, index):
        noise = [random.random(), np.random.rand(), index]
        return {'inputs': torch.tensor(noise, dtype=torch.float32)}


class Student(BaseModel):
    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(3, 1)
        for param in self.parameters():
            torch.nn.init.ones_(param)

    def forward(self, inputs, mode='tensor'):
        dropped = torch.nn.functional.dropout(self.linear(inputs), 0.5, self.training)
        return {'loss': dropped.square().mean()}


class Losses(Hook):
    def __init__(self):
        self.values = []

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        self.values.append(outputs['loss'].item())


def train(work_dir, runner, by_epoch, steps, resume=False, hook=True):
    losses = Losses()
    runner(
        model=Student(),
        work_dir=str(work_dir),
        train_dataloader=dict(
            dataset=Points(),
            batch_size=4,
            sampler=dict(type='DefaultSampler' if by_epoch else 'InfiniteSampler', shuffle=True),
            collate_fn=dict(type='default_collate'),
        ),
        train_cfg=dict(by_epoch=by_epoch, **{'max_epochs' if by_epoch else 'max_iters': steps}),
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.01)),
        default_hooks=dict(checkpoint=dict(type='CheckpointHook', by_epoch=by_epoch, interval=2)),
        custom_hooks=[losses, dict(type='eva_mm.StepSeedHook')] if hook else [losses],
        resume=resume,
        randomness=dict(seed=3),
        experiment_name=f'{work_dir}-{resume}-{steps}',
        log_level='WARNING',
    ).train()
    return losses.values


@pytest.mark.parametrize('runner', [Runner, FlexibleRunner])
@pytest.mark.parametrize('by_epoch', [True, False])
def test_resumed_run_repeats_the_uninterrupted_one(tmp_path, runner, by_epoch):
    if not by_epoch and hasattr(loops._InfiniteDataloaderIterator, 'skip_iter'):
        pytest.skip('the loop of onedl-mmengine does not read what is done; those of eva_mm repeat its draws')
    whole = train(tmp_path / 'whole', runner, by_epoch, 4)
    first = train(tmp_path / 'halves', runner, by_epoch, 2)
    second = train(tmp_path / 'halves', runner, by_epoch, 4, resume=True)
    assert first + second == whole
    assert len(set(whole)) == len(whole)


def test_without_the_hook_it_does_not(tmp_path):
    whole = train(tmp_path / 'whole', Runner, True, 4, hook=False)
    first = train(tmp_path / 'halves', Runner, True, 2, hook=False)
    second = train(tmp_path / 'halves', Runner, True, 4, resume=True, hook=False)
    assert first == whole[: len(first)]
    assert second != whole[len(first) :]


def test_processes_draw_different_numbers(monkeypatch):
    runner = type('Run', (), dict(seed=0, epoch=0, iter=5))
    draws = []
    for rank in (0, 1, 0):
        monkeypatch.setattr('eva_mm.engine.long_run.step_seed.get_rank', lambda rank=rank: rank)
        StepSeedHook().before_train_iter(runner)
        draws.append(torch.rand(1).item())
    assert draws[0] == draws[2] != draws[1]
