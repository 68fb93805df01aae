"""Warm-ups that are longer than the run."""

from types import SimpleNamespace

import pytest
from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop

from eva_mm.apis.scaling import shorten_warmup


def _runner(schedules, epochs=None, iters=200):
    loop = (EpochBasedTrainLoop if epochs else IterBasedTrainLoop).__new__(
        EpochBasedTrainLoop if epochs else IterBasedTrainLoop
    )
    return SimpleNamespace(param_schedulers=schedules, train_loop=loop, max_epochs=epochs or 1, max_iters=iters)


@pytest.mark.parametrize(
    'schedules, epochs, after',
    [
        (dict(type='eva_mm.EVACosineLR', warmup_epochs=5), 2, [dict(warmup_epochs=0.2)]),
        (dict(type='eva_mm.EVACosineLR', warmup_epochs=5), 5, [dict(warmup_epochs=5)]),
        (dict(type='eva_mm.EVACosineLR', warmup_iters=500, by_epoch=False), None, [dict(warmup_iters=20)]),
        (dict(type='eva_mm.EVACosineLR', warmup_iters=500), 3, [dict(warmup_iters=20)]),
        (
            [
                dict(type='LinearLR', by_epoch=False, end=1000),
                dict(type='PolyLR', by_epoch=False, begin=1000, end=9000),
            ],
            None,
            [dict(end=20), dict(begin=20, end=9000)],
        ),
        # in epochs, of which mmengine makes iterations
        ([dict(type='LinearLR', end=4), dict(type='CosineAnnealingLR', begin=4)], 3, [dict(end=1), dict(begin=1)]),
        # a decay to the end of a longer run, and not a warm-up
        ([dict(type='LinearLR', by_epoch=False, begin=100, end=900)], None, [dict(begin=100, end=900)]),
    ],
)
def test_they_are_cut_to_a_tenth(schedules, epochs, after):
    runner = _runner(schedules, epochs)
    shorten_warmup(runner)
    given = schedules if isinstance(schedules, list) else [schedules]
    for schedule, expected in zip(given, after, strict=True):
        assert {key: schedule[key] for key in expected} == expected
