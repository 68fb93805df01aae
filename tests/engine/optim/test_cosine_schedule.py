import json
import math
from pathlib import Path

import pytest
import torch
from mmengine.optim import OptimWrapper
from mmengine.registry import PARAM_SCHEDULERS

from eva_mm.engine.optim.cosine_schedule import EVACosineLR, EVACosineParamScheduler

REFERENCE = Path(__file__).parents[2] / 'data' / 'reference'
GOLDEN = json.loads((REFERENCE / 'lr_schedule.json').read_text())
SCHEDULES = {schedule['name']: schedule for schedule in GOLDEN['schedules']}


def make_optimizer(*lrs, weight_decay=0.05):
    groups = [{'params': [torch.nn.Parameter(torch.ones(1))], 'lr': lr} for lr in lrs]
    return torch.optim.AdamW(groups, weight_decay=weight_decay)


def build(optimizer, **cfg):
    """Build as a runner does, from an epoch-based config."""
    epoch_length = cfg.pop('epoch_length')
    cfg = {'type': 'eva_mm.EVACosineLR', 'convert_to_iter_based': True, 'by_epoch': True, **cfg}
    default_args = dict(optimizer=optimizer, epoch_length=epoch_length)
    return PARAM_SCHEDULERS.build(cfg, default_args=default_args)


def build_golden(schedule, optimizer):
    args = dict(schedule['args'])
    base = args['base_value']
    cfg = dict(
        epoch_length=args['niter_per_ep'],
        end=args['epochs'],
        eta_min_ratio=args['final_value'] / base,
        warmup_epochs=args.get('warmup_epochs', 0),
        warmup_start_ratio=args.get('start_warmup_value', 0.0) / base,
        anneal=args.get('sched_type', 'cos'),
    )
    if args.get('warmup_steps', -1) > 0:
        cfg['warmup_iters'] = args['warmup_steps']
    if schedule['name'].endswith('_wd'):
        cfg.update(type='eva_mm.EVACosineParamScheduler', param_name='weight_decay')
    return build(optimizer, **cfg)


def value_at(scheduler, iteration):
    """Set the scheduler as if it had been resumed just before ``iteration``."""
    scheduler.load_state_dict(dict(last_step=iteration - 1, _global_step=iteration - 1))
    scheduler.step()
    return scheduler.get_last_value()[0]


def test_all_schedules_of_the_release_are_there():
    assert len(SCHEDULES) == 10


@pytest.mark.filterwarnings('ignore:Detected call of')
@pytest.mark.parametrize('name', SCHEDULES)
def test_values_equal_the_release(name):
    schedule = SCHEDULES[name]
    base = schedule['args']['base_value']
    scheduler = build_golden(schedule, make_optimizer(base, weight_decay=base))
    assert scheduler.warmup_iters == schedule['warmup_iters']
    assert scheduler.end == schedule['length']
    got = [value_at(scheduler, step) for step in schedule['steps']]
    assert got == pytest.approx(schedule['values'], rel=1e-12, abs=1e-12 * base)


@pytest.mark.parametrize('name', ['warmup_steps_override', 'no_warmup', 'linear_type'])
def test_whole_run_sums_to_the_release(name):
    schedule = SCHEDULES[name]
    optimizer = make_optimizer(schedule['args']['base_value'])
    scheduler = build_golden(schedule, optimizer)
    values = []
    for _ in range(schedule['length']):
        values.append(optimizer.param_groups[0]['lr'])
        optimizer.step()
        scheduler.step()
    assert sum(values) == pytest.approx(schedule['sum'], rel=1e-12)
    assert scheduler.get_last_value() == values[-1:], 'the value must not move after the end'


@pytest.mark.filterwarnings('ignore:Detected call of')
def test_epoch_means_equal_the_published_log():
    scheduler = build_golden(SCHEDULES['pretrain_eva_g_lr'], make_optimizer(1e-3))
    expected = GOLDEN['log_crosscheck']['pretrain log lr epochs 0,1,2,3,75,149']
    for epoch, mean in zip((0, 1, 2, 3, 75, 149), expected, strict=True):
        values = [value_at(scheduler, epoch * 7242 + i) for i in range(7242)]
        assert sum(values) / 7242 == pytest.approx(mean, rel=1e-13)


def test_layer_scaled_groups_run_through_the_same_curve():
    optimizer = OptimWrapper(make_optimizer(1.0, 0.25))
    scheduler = build(optimizer, epoch_length=10, end=3, warmup_epochs=1, eta_min_ratio=0.1)
    for _ in range(30):
        # mmengine appends the unscaled base settings as a last group, with AdamW's default lr
        full, scaled, base = scheduler.get_last_value()
        assert scaled == pytest.approx(0.25 * full, rel=1e-15)
        assert base == pytest.approx(1e-3 * full, rel=1e-15)
        optimizer.step()
        scheduler.step()
    assert full == pytest.approx(0.1 + 0.9 * 0.5 * (1 + torch.cos(torch.tensor(19 / 20 * torch.pi))))


def test_constant_after_warmup():
    optimizer = make_optimizer(1e-6)
    scheduler = EVACosineLR(optimizer, warmup_iters=3, eta_min_ratio=1.0, end=8, by_epoch=False)
    values = []
    for _ in range(8):
        values.append(optimizer.param_groups[0]['lr'])
        optimizer.step()
        scheduler.step()
    assert values == [0.0, 0.5e-6] + [1e-6] * 6


def test_resumed_run_continues_exactly():
    def run(optimizer, scheduler, steps):
        for _ in range(steps):
            optimizer.step()
            scheduler.step()
            yield optimizer.param_groups[0]['lr']

    cfg = dict(epoch_length=7, end=5, warmup_epochs=1, eta_min_ratio=0.01)
    optimizer = make_optimizer(0.3)
    whole = list(run(optimizer, build(optimizer, **cfg), 34))

    optimizer = make_optimizer(0.3)
    scheduler = build(optimizer, **cfg)
    first = list(run(optimizer, scheduler, 12))
    state, optimizer_state = scheduler.state_dict(), optimizer.state_dict()
    optimizer = make_optimizer(0.3)
    scheduler = build(optimizer, **cfg)
    optimizer.load_state_dict(optimizer_state)
    scheduler.load_state_dict(state)
    assert first + list(run(optimizer, scheduler, 22)) == whole


@pytest.mark.parametrize(
    'options, message',
    [
        (dict(end=10), 'convert_to_iter_based=True'),
        (dict(end=10, by_epoch=False, warmup_iters=11), 'warmup_iters=11, which must lie between'),
        (dict(end=10, by_epoch=False, anneal='poly'), "'poly' was given"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        EVACosineParamScheduler(make_optimizer(1.0), 'lr', **options)


def learning_rates(iterations, **options):
    optimizer = make_optimizer(8e-6)
    scheduler = EVACosineLR(optimizer, end=iterations, by_epoch=False, **options)
    values = []
    for _ in range(iterations):
        values.append(optimizer.param_groups[0]['lr'])
        optimizer.step()
        scheduler.step()
    return values


@pytest.mark.parametrize(('iterations', 'warmup'), [(400, 50), (41, 7)])
def test_video_schedule_is_timms_set_after_each_step(iterations, warmup):
    """The loop of the released video code: the value that is set after iteration i is used by iteration i + 1."""
    timm = pytest.importorskip('timm.scheduler')
    optimizer = make_optimizer(8e-6)
    scheduler = timm.CosineLRScheduler(
        optimizer, t_initial=iterations - warmup, lr_min=8e-8, warmup_t=warmup, warmup_lr_init=0.0, cycle_limit=1,
        t_in_epochs=False, warmup_prefix=True,
    )  # fmt: skip
    expected = []
    for iteration in range(iterations):
        expected.append(optimizer.param_groups[0]['lr'])
        optimizer.step()
        scheduler.step_update(iteration)
    found = learning_rates(iterations, warmup_iters=warmup, ramp='from_start', delay=1, eta_min_ratio=1e-2)
    assert found == pytest.approx(expected, rel=1e-12, abs=1e-20)
    assert found[:3] == [0.0, 0.0, 8e-6 / warmup]


@pytest.mark.parametrize(('iterations', 'warmup'), [(300, 20), (10, 1)])
def test_clip_schedule_is_open_clips(iterations, warmup):
    """The first value is a share of the rate, and the last one of the warm-up the whole rate."""
    expected = [
        8e-6 * (step + 1) / warmup if step < warmup
        else 4e-6 * (1 + math.cos(math.pi * (step - warmup) / (iterations - warmup)))
        for step in range(iterations)
    ]  # fmt: skip
    assert learning_rates(iterations, warmup_iters=warmup, ramp='to_base') == pytest.approx(expected, rel=1e-12)


def test_unknown_ramps_are_refused():
    with pytest.raises(ValueError, match="'steep' was given"):
        EVACosineLR(make_optimizer(1.0), ramp='steep', end=3, by_epoch=False)
