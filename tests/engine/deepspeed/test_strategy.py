"""Real runs of FlexibleRunner on two gloo processes; each `torchrun` trains many tiny models."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from mmengine.registry import STRATEGIES

from eva_mm.engine.deepspeed import io as deepspeed_io
from eva_mm.engine.deepspeed import strategy as deepspeed_strategy

needs_deepspeed = pytest.mark.skipif(importlib.util.find_spec('deepspeed') is None, reason='DeepSpeed is not installed')
ROOT = Path(__file__).parents[3]
TOY = Path(__file__).with_name('toy.py')
STAGES = range(4)
EMA = dict(momentum=0.1, evaluate_on_origin=True)
DROPOUT = dict(iters=4, drop_rate=0.3, strategy=dict(zero_optimization=dict(stage=1)))


def strategy(stage, precision=None, **options):
    precision = {precision: dict(enabled=True)} if precision else {}
    whole = dict(zero_optimization=dict(stage=stage), gradient_clipping=3.0, exclude_frozen_parameters=True)
    return dict(whole, **precision, **options)


def first_jobs(root):
    jobs = {}
    for stage in STAGES:
        whole = dict(iters=8, interval=4, strategy=strategy(stage, 'fp16'), ema=EMA)
        jobs[f'whole{stage}'] = dict(whole, work_dir=f'{root}/whole{stage}')
        jobs[f'first{stage}'] = dict(whole, work_dir=f'{root}/halves{stage}', stop=4)
        for precision in ('fp32', 'bf16'):
            options = strategy(stage, None if precision == 'fp32' else precision)
            jobs[f'{precision}{stage}'] = dict(strategy=options, work_dir=f'{root}/short')
    jobs['dropout_whole'] = dict(DROPOUT, work_dir=f'{root}/dropout_whole')
    jobs['dropout_first'] = dict(DROPOUT, work_dir=f'{root}/dropout', stop=2, interval=2)
    accumulate = strategy(1, gradient_accumulation_steps=2)
    jobs['accumulate'] = dict(strategy=accumulate, ema=EMA, interval=4, work_dir=f'{root}/accumulate')
    return jobs


def second_jobs(root):
    """Jobs that read what the first ones wrote, in new processes."""
    jobs = {}
    for stage in STAGES:
        fp16 = dict(strategy=strategy(stage, 'fp16'), ema=EMA)
        jobs[f'second{stage}'] = dict(fp16, iters=8, interval=4, resume=True, work_dir=f'{root}/halves{stage}')
        directory = f'{root}/whole{stage}/iter_8.pth'
        work_dir = f'{root}/second{stage}'
        evaluate = dict(strategy=fp16['strategy'], evaluate=True, work_dir=work_dir)
        jobs[f'evaluate_both{stage}'] = dict(evaluate, load_from=directory, ema=EMA)
        jobs[f'load_fp32_{stage}'] = dict(strategy=strategy(stage), load_from=directory, work_dir=work_dir)
        jobs[f'load_fp16_{stage}'] = dict(
            strategy=strategy(stage, 'fp16'), load_from=f'{directory}/ema.pth', work_dir=work_dir
        )
    jobs['dropout_second'] = dict(DROPOUT, work_dir=f'{root}/dropout', resume=True)
    origin = dict(evaluate_on_ema=False, evaluate_on_origin=True)
    work_dir = f'{root}/export'
    evaluate = dict(strategy=strategy(1, 'fp16'), evaluate=True, work_dir=work_dir)
    directory = f'{root}/whole1/iter_8.pth'
    jobs['evaluate_origin'] = dict(evaluate, load_from=directory, ema=origin)
    jobs['evaluate_file'] = dict(evaluate, load_from=f'{directory}/ema.pth')
    jobs['export'] = dict(strategy=strategy(1, 'fp16'), ema=EMA, interval=4, save_optimizer=False, work_dir=work_dir)
    jobs['evaluate_export'] = dict(evaluate, load_from=f'{work_dir}/iter_4.pth', ema=EMA)
    return jobs


def launch(root, name, jobs, *command):
    jobs_file, results_file = root / f'{name}.json', root / f'{name}.pth'
    jobs_file.write_text(json.dumps(jobs))
    done = subprocess.run(
        [sys.executable, *command, TOY, jobs_file, results_file],
        env={'PYTHONPATH': str(ROOT), 'OMP_NUM_THREADS': '1', 'PATH': '/usr/bin:/bin'},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-6000:]
    return torch.load(results_file)


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    return tmp_path_factory.mktemp('deepspeed')


@pytest.fixture(scope='module')
def results(root):
    torchrun = ('-m', 'torch.distributed.run', '--standalone', '--nproc_per_node=2')
    results = launch(root, 'first', first_jobs(root), *torchrun)
    results.update(launch(root, 'second', second_jobs(root), *torchrun))
    return results


def assert_equal(weights, other, tolerance=0.0):
    assert weights.keys() == other.keys()
    for name in weights:
        torch.testing.assert_close(weights[name], other[name], rtol=0, atol=tolerance)


def read_average(directory):
    return torch.load(directory / 'ema.pth')['state_dict']


def expected_average(weights):
    average = {name: value.clone() for name, value in weights[0].items()}
    for step in weights[1:]:
        for name in average:
            average[name] += 0.1 * (step[name] - average[name])
    return average


@needs_deepspeed
@pytest.mark.parametrize('stage', STAGES)
def test_resumed_run_equals_the_uninterrupted_one(results, root, stage):
    whole, first, second = (results[f'{part}{stage}'] for part in ('whole', 'first', 'second'))
    assert first['loss'] + second['loss'] == whole['loss']
    assert first['lr'] + second['lr'] == whole['lr']
    assert second['loss_scale'] == whole['loss_scale'][4:]
    assert second['metrics'] == whole['metrics']
    for weights, expected in zip(second['weights'], whole['weights'][4:], strict=True):
        assert_equal(weights, expected)
    averages = [read_average(root / run / 'iter_8.pth') for run in (f'halves{stage}', f'whole{stage}')]
    assert_equal(*averages)


@needs_deepspeed
def test_resumed_run_repeats_the_dropout(results):
    whole, first, second = (results[f'dropout_{part}']['loss'] for part in ('whole', 'first', 'second'))
    assert first + second == whole
    assert whole[:2] != results['fp320']['loss'][:2]


@needs_deepspeed
@pytest.mark.parametrize('stage', STAGES)
def test_stages_and_precisions_agree(results, stage):
    reference = results['fp320']
    assert results[f'fp32{stage}']['loss'] == pytest.approx(reference['loss'], rel=1e-6)
    assert results[f'bf16{stage}']['loss'] == pytest.approx(reference['loss'], rel=1e-2)
    # the first step has a rate of 0, so fp16 can be compared up to the first possible overflow
    assert results[f'whole{stage}']['loss'][:2] == pytest.approx(reference['loss'][:2], rel=2e-3)


@needs_deepspeed
def test_fp32_equals_plain_torch_on_the_joint_batch(results):
    weights = {name: value.clone() for name, value in results['fp321']['weights'][0].items()}
    points = torch.randn(64, 5, generator=torch.Generator().manual_seed(1))
    teacher = torch.nn.Linear(5, 3)
    generator = torch.Generator().manual_seed(0)
    shapes = [value.shape for value in weights.values()] + [(3, 5), (3,)]
    *student, teacher.weight.data, teacher.bias.data = (
        torch.empty(shape).normal_(0, 0.5, generator=generator) for shape in shapes
    )
    assert_equal(weights, dict(zip(weights, student, strict=True)))
    params = {name: value.requires_grad_() for name, value in weights.items()}
    scales = {'backbone.embed': 0.25, 'backbone.block': 0.5, 'head': 1.0}
    groups = [
        dict(
            params=[params[f'{module}.{kind}']],
            lr=scale * 1e-2,
            weight_decay=0.05 if kind == 'weight' else 0.0,
        )
        for module, scale in scales.items()
        for kind in ('weight', 'bias')
    ]
    optimizer = torch.optim.AdamW(groups)
    base = [group['lr'] for group in groups]
    for step in range(4):
        for group, lr in zip(optimizer.param_groups, base, strict=True):
            group['lr'] = lr * results['fp321']['lr'][step][-1] / 1e-2
        batch = points[4 * step : 4 * step + 4]
        x = batch
        for module in ('backbone.embed', 'backbone.block'):
            x = x @ params[f'{module}.weight'].T + params[f'{module}.bias']
            x = torch.nn.functional.gelu(x)
        x = x @ params['head.weight'].T + params['head.bias']
        optimizer.zero_grad()
        (x - teacher(batch).detach()).square().mean().backward()
        torch.nn.utils.clip_grad_norm_(params.values(), 3.0)
        optimizer.step()
        expected = {name: value.detach() for name, value in params.items()}
        assert_equal(results['fp321']['weights'][step + 1], expected, tolerance=1e-6)


@needs_deepspeed
@pytest.mark.parametrize('stage', STAGES)
def test_average_is_that_of_the_fp32_weights(results, root, stage):
    average = read_average(root / f'whole{stage}' / 'iter_8.pth')
    assert {value.dtype for value in average.values()} == {torch.float32}
    weights = results[f'whole{stage}']['weights']
    assert_equal(average, expected_average(weights), tolerance=1e-6)
    assert max((average[n] - weights[-1][n]).abs().max() for n in average) > 1e-3


@needs_deepspeed
@pytest.mark.parametrize('stage', STAGES)
def test_evaluation_of_a_directory(results, stage):
    # fp16 in training against fp32 here
    ((average, origin),) = results[f'whole{stage}']['metrics']
    assert average != pytest.approx(origin, rel=1e-2)
    assert results[f'evaluate_both{stage}']['metrics'] == [pytest.approx((average, origin), rel=1e-3)]


@needs_deepspeed
def test_evaluation_of_one_set_of_weights(results):
    ((average, origin),) = results['whole1']['metrics']
    assert results['evaluate_origin']['metrics'][0][0] == pytest.approx(origin, rel=1e-3)
    assert results['evaluate_file']['metrics'][0][0] == pytest.approx(average, rel=1e-3)


@needs_deepspeed
@pytest.mark.parametrize('stage', STAGES)
def test_load_from_starts_with_the_average(results, root, stage):
    average = read_average(root / f'whole{stage}' / 'iter_8.pth')
    assert_equal(results[f'load_fp32_{stage}']['weights'][0], average)
    # DeepSpeed makes its fp32 weights out of the fp16 ones
    rounded = {name: value.half().float() for name, value in average.items()}
    assert_equal(results[f'load_fp16_{stage}']['weights'][0], rounded)


@needs_deepspeed
def test_overflow_skips_the_step_and_halves_the_loss_scale(results):
    record = results['whole1']
    assert record['loss_scale'][0] == 2**16
    halvings = [a / b for a, b in zip(record['loss_scale'], record['loss_scale'][1:], strict=False)]
    assert set(halvings) == {1.0, 2.0}
    for halving, before, after in zip(halvings, record['weights'], record['weights'][1:], strict=False):
        if halving == 2.0:
            assert_equal(before, after)
    assert any(not torch.equal(record['weights'][0][name], value) for name, value in record['weights'][-1].items())


@needs_deepspeed
def test_accumulation_counts_micro_batches(results, root):
    record = results['accumulate']
    changed = [
        any(not torch.equal(before[name], after[name]) for name in before)
        for before, after in zip(record['weights'], record['weights'][1:], strict=False)
    ]
    assert changed == [False, True, False, True]
    assert record['lr'] == results['fp321']['lr']
    average = read_average(root / 'accumulate' / 'iter_4.pth')
    steps = [record['weights'][index] for index in (0, 2, 4)]
    assert_equal(average, expected_average(steps), tolerance=1e-6)


@needs_deepspeed
def test_checkpoint_without_optimizer_is_a_file_with_the_average(results, root):
    checkpoint = torch.load(root / 'export' / 'iter_4.pth', weights_only=False)
    weights = results['export']['weights']
    assert_equal(checkpoint['state_dict'], expected_average(weights), tolerance=1e-6)
    origin = {f'module.{name}': value.half() for name, value in weights[-1].items()}
    assert_equal(checkpoint['ema_state_dict'], origin)
    ((average, _),) = results['export']['metrics']
    assert results['evaluate_export']['metrics'][0][0] == pytest.approx(average, rel=1e-3)


@needs_deepspeed
def test_frozen_teacher_stays_out_of_optimizer_and_checkpoint(results, root):
    assert not [n for n in results['whole1']['weights'][0] if n.startswith('teacher')]
    states = torch.load(root / 'whole1' / 'iter_8.pth' / 'mp_rank_00_model_states.pt', weights_only=False)
    assert sorted(states['module']) == sorted(results['whole1']['weights'][0])


@needs_deepspeed
def test_single_process_without_launcher(root):
    jobs = {
        'first': dict(iters=4, stop=2, interval=2, strategy=strategy(1), work_dir=f'{root}/single'),
        'second': dict(iters=4, resume=True, strategy=strategy(1), work_dir=f'{root}/single'),
        'whole': dict(iters=4, strategy=strategy(1), work_dir=f'{root}/single_whole'),
    }
    record = launch(root, 'single', jobs)
    assert record['first']['loss'] + record['second']['loss'] == record['whole']['loss']


@needs_deepspeed
def test_resume_from_a_file_is_refused(tmp_path):
    file = tmp_path / 'weights.pth'
    file.touch()
    strategy = deepspeed_io.DeepSpeedIO.__new__(deepspeed_io.DeepSpeedIO)
    with pytest.raises(ValueError, match='give the file as load_from'):
        strategy.resume(str(file))


def test_hook_that_needs_the_state_dict_gets_a_clear_error():
    with pytest.raises(ValueError, match='use eva_mm.FP32EMAHook'):
        deepspeed_io._call_hooks(lambda checkpoint: checkpoint['state_dict'], {})


def test_missing_deepspeed_names_the_extra(monkeypatch, tmp_path):
    monkeypatch.setattr(deepspeed_strategy.importlib.util, 'find_spec', lambda name: None)
    with pytest.raises(ImportError, match=r'pip install eva_mm\[deepspeed\]'):
        STRATEGIES.build(dict(type='eva_mm.EVADeepSpeedStrategy', work_dir=str(tmp_path)))


@pytest.mark.skipif(torch.cuda.is_available(), reason='concerns machines without a GPU')
def test_other_launchers_on_a_cpu_are_refused():
    strategy = deepspeed_strategy.EVADeepSpeedStrategy.__new__(deepspeed_strategy.EVADeepSpeedStrategy)
    with pytest.raises(ValueError, match='--launcher pytorch, not slurm'):
        strategy._setup_distributed('slurm')
