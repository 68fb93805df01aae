"""A run that is resumed with another schedule has its rates from then on, whatever the schedule computes them from."""

import pytest
from long_run_toy import build
from mmengine.hooks import Hook

from eva_mm.apis.resume import choose_checkpoint

EPOCHS = dict(by_epoch=True, convert_to_iter_based=True)
# name -> schedules of a run of so many epochs of 8 iterations
SCHEDULES = {
    'EVA': lambda epochs: dict(type='eva_mm.EVACosineLR', warmup_epochs=0.5, eta_min_ratio=0.1, **EPOCHS),
    'cosine': lambda epochs: dict(type='CosineAnnealingLR', T_max=epochs, **EPOCHS),
    'warm-up and polynomial': lambda epochs: [
        dict(type='LinearLR', start_factor=0.1, by_epoch=False, end=6),
        dict(type='PolyLR', by_epoch=False, begin=6, end=8 * epochs),
    ],
    'steps by epoch': lambda epochs: [
        dict(type='LinearLR', start_factor=0.1, by_epoch=False, end=4),
        dict(type='MultiStepLR', by_epoch=True, milestones=[epochs // 2], gamma=0.1),
    ],
    'another rate': lambda epochs: dict(type='ConstantLR', factor=1.0, end=1),
}


class Rates(Hook):
    """The rate of every iteration."""

    def __init__(self):
        self.seen = {}

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        """Note it."""
        self.seen[runner.iter] = runner.optim_wrapper.get_lr()['lr'][0]


def _train(folder, name, epochs, lr=0.01, resume=False):
    rates = Rates()
    runner = build(folder, steps=8 * epochs, hooks=[rates])
    runner.param_schedulers = SCHEDULES[name](epochs)
    runner.optim_wrapper['optimizer']['lr'] = lr
    runner._resume = resume
    if resume:
        choose_checkpoint(runner)
    runner.train()
    return rates.seen


@pytest.mark.parametrize('name', SCHEDULES)
def test_more_epochs_stretch_the_schedule(tmp_path, name):
    lr = 0.02 if name == 'another rate' else 0.01
    whole = _train(tmp_path / 'whole', name, 4, lr)
    _train(tmp_path / 'run', name, 2)
    resumed = _train(tmp_path / 'run', name, 4, lr, resume=True)
    assert sorted(resumed) == list(range(16, 32))
    assert resumed == pytest.approx({step: whole[step] for step in resumed}, rel=1e-6)
