"""The average under plain runners; under DeepSpeed it is tested in tests/engine/deepspeed/test_strategy.py."""

import pytest
import torch
from mmengine.evaluator import BaseMetric, Evaluator
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.runner import FlexibleRunner, Runner
from torch import nn

from eva_mm.engine.optim.ema_hook import FP32EMAHook

MOMENTUM = 0.25


class Student(BaseModel):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3, 2)
        self.teacher = nn.Linear(3, 2).requires_grad_(False)
        self.register_buffer('calls', torch.zeros(()))
        generator = torch.Generator().manual_seed(0)
        for param in self.parameters():
            param.data.normal_(generator=generator)

    def forward(self, inputs, mode='tensor'):
        error = (self.linear(inputs) - self.teacher(inputs)).square()
        if mode == 'loss':
            self.calls += 1
            return {'loss': error.mean()}
        return [self.linear.weight.detach().sum()]


class WeightSum(BaseMetric):
    def process(self, data_batch, data_samples):
        self.results.append(data_samples[0].item())

    def compute_metrics(self, results):
        return {'sum': results[0]}


class Recorder(Hook):
    priority = 'LOWEST'

    def __init__(self):
        self.weights, self.metrics = [], []

    def before_train(self, runner):
        self.weights.append(runner.model.linear.weight.detach().clone())

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        self.before_train(runner)

    def after_val_epoch(self, runner, metrics=None):
        self._note(runner, metrics, 'val')

    def after_test_epoch(self, runner, metrics=None):
        self._note(runner, metrics, 'test')

    def _note(self, runner, metrics, mode):
        origin = runner.message_hub.log_scalars.get(f'{mode}/sum_origin')
        self.metrics.append((metrics['sum'], origin and float(origin.current())))


def make_runner(work_dir, recorder, hook, max_iters=4, accumulate=1, runner=Runner, **kwargs):
    points = torch.randn(16, 3, generator=torch.Generator().manual_seed(1))
    data = [{'inputs': point} for point in points]
    loader = torch.utils.data.DataLoader(data, batch_size=4)
    evaluation = dict(dataloader=loader, evaluator=Evaluator(WeightSum(prefix=None)), cfg=dict())
    loops = {f'{mode}_{k}': v for mode in ('val', 'test') for k, v in evaluation.items()}
    return runner(
        model=Student(),
        work_dir=str(work_dir),
        train_dataloader=loader,
        train_cfg=dict(by_epoch=False, max_iters=max_iters, val_interval=max_iters),
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1), accumulative_counts=accumulate),
        **loops,
        default_hooks=dict(checkpoint=dict(type='CheckpointHook', by_epoch=False, interval=2)),
        custom_hooks=[recorder, hook] if hook else [recorder],
        experiment_name=f'{work_dir}-{id(recorder)}',
        randomness=dict(seed=0),
        log_level='WARNING',
        **kwargs,
    )


def train(work_dir, hook, **kwargs):
    recorder = Recorder()
    make_runner(work_dir, recorder, hook, **kwargs).train()
    return recorder


def average_of(weights):
    average = weights[0].clone()
    for step in weights[1:]:
        average += MOMENTUM * (step - average)
    return average


def load(file):
    return torch.load(file, weights_only=False)


@pytest.mark.parametrize('runner', [Runner, FlexibleRunner])
def test_checkpoint_holds_the_average_and_the_weights(tmp_path, runner):
    recorder = train(tmp_path, FP32EMAHook(momentum=MOMENTUM), runner=runner)
    checkpoint = load(tmp_path / 'iter_4.pth')
    average = average_of(recorder.weights)
    torch.testing.assert_close(checkpoint['state_dict']['linear.weight'], average)
    assert torch.equal(checkpoint['ema_state_dict']['module.linear.weight'], recorder.weights[-1])
    assert sorted(checkpoint['ema_state_dict']) == ['module.linear.bias', 'module.linear.weight']
    assert checkpoint['state_dict']['calls'] == 4
    assert recorder.metrics == [(pytest.approx(average.sum().item()), None)]


def test_default_is_the_released_decay():
    assert FP32EMAHook().momentum == pytest.approx(1 - 0.9999)


@pytest.mark.parametrize('runner', [Runner, FlexibleRunner])
def test_resumed_average_continues(tmp_path, runner):
    whole = train(tmp_path / 'whole', FP32EMAHook(MOMENTUM), runner=runner)
    train(tmp_path / 'halves', FP32EMAHook(MOMENTUM), max_iters=2, runner=runner)
    second = train(tmp_path / 'halves', FP32EMAHook(MOMENTUM), resume=True, runner=runner)
    assert torch.equal(second.weights[-1], whole.weights[-1])
    averages = [load(tmp_path / name / 'iter_4.pth')['state_dict'] for name in ('whole', 'halves')]
    assert torch.equal(averages[0]['linear.weight'], averages[1]['linear.weight'])
    assert second.metrics == whole.metrics


def test_validation_leaves_the_weights_alone(tmp_path):
    with_hook = train(tmp_path / 'a', FP32EMAHook(MOMENTUM))
    without = train(tmp_path / 'b', None)
    for weights, expected in zip(with_hook.weights, without.weights, strict=True):
        assert torch.equal(weights, expected)


def test_both_are_evaluated(tmp_path):
    recorder = train(tmp_path, FP32EMAHook(MOMENTUM, evaluate_on_origin=True))
    average, origin = average_of(recorder.weights).sum().item(), recorder.weights[-1].sum().item()
    assert average != pytest.approx(origin, rel=1e-3)
    assert recorder.metrics == [pytest.approx((average, origin))]


@pytest.mark.parametrize('on_ema, on_origin', [(True, False), (True, True), (False, True)])
def test_test_reads_both_from_the_checkpoint(tmp_path, on_ema, on_origin):
    trained = train(tmp_path, FP32EMAHook(MOMENTUM))
    average, origin = average_of(trained.weights).sum().item(), trained.weights[-1].sum().item()
    recorder = Recorder()
    hook = FP32EMAHook(MOMENTUM, evaluate_on_ema=on_ema, evaluate_on_origin=on_origin)
    make_runner(tmp_path, recorder, hook, load_from=str(tmp_path / 'iter_4.pth')).test()
    first, second = recorder.metrics[0]
    assert first == pytest.approx(average if on_ema else origin)
    assert second == (pytest.approx(origin) if on_ema and on_origin else None)


def test_loading_without_resuming_starts_from_the_average(tmp_path):
    trained = train(tmp_path / 'first', FP32EMAHook(MOMENTUM))
    checkpoint = str(tmp_path / 'first' / 'iter_4.pth')
    second = train(tmp_path / 'second', FP32EMAHook(MOMENTUM), load_from=checkpoint)
    torch.testing.assert_close(second.weights[0], average_of(trained.weights))
    state_dict = load(tmp_path / 'second' / 'iter_4.pth')['state_dict']
    torch.testing.assert_close(state_dict['linear.weight'], average_of(second.weights))


def test_accumulated_gradients_count_as_one_step(tmp_path):
    recorder = train(tmp_path, FP32EMAHook(MOMENTUM), accumulate=2)
    assert torch.equal(recorder.weights[0], recorder.weights[1])
    state_dict = load(tmp_path / 'iter_4.pth')['state_dict']
    expected = average_of([recorder.weights[index] for index in (0, 2, 4)])
    torch.testing.assert_close(state_dict['linear.weight'], expected)


def test_resuming_a_run_without_average_starts_it_from_the_weights(tmp_path):
    first = train(tmp_path, None, max_iters=2)
    second = train(tmp_path, FP32EMAHook(MOMENTUM), resume=True)
    assert torch.equal(second.weights[0], first.weights[-1])
    state_dict = load(tmp_path / 'iter_4.pth')['state_dict']
    torch.testing.assert_close(state_dict['linear.weight'], average_of(second.weights))


@pytest.mark.parametrize(
    'options, message',
    [
        (dict(momentum=0.0), 'momentum=0.0; it is 1 - decay'),
        (dict(momentum=1.0), 'momentum=1.0; it is 1 - decay'),
        (dict(evaluate_on_ema=False), 'neither evaluate_on_ema nor evaluate_on_origin'),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        FP32EMAHook(**options)
