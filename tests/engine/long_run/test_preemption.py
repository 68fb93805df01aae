import os
import signal

import pytest
import torch
from long_run_toy import build, train
from mmengine.hooks import Hook

from eva_mm.process import REQUEUE


@pytest.fixture(autouse=True)
def handlers():
    """Those of the test process come back."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGUSR1)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


class Signal(Hook):
    """Sends this process a signal within an iteration, as a scheduler would."""

    def __init__(self, number):
        self.number = number

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        """Once."""
        if runner.iter == 4:
            os.kill(os.getpid(), self.number)


class SignalInValidation(Hook):
    """The same, within the second batch of the first validation; an average of the weights is being validated."""

    def before_val_epoch(self, runner):
        """Exchange the weights, as averages of them do."""
        with torch.no_grad():
            runner.model.linear.weight.add_(1)

    def after_val_epoch(self, runner, metrics=None):
        """And back."""
        with torch.no_grad():
            runner.model.linear.weight.sub_(1)

    def before_val_iter(self, runner, batch_idx, data_batch=None):
        """Once."""
        if batch_idx == 1:
            os.kill(os.getpid(), signal.SIGTERM)


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGUSR1])
def test_saves_the_running_iteration_and_asks_for_a_requeue(tmp_path, number):
    whole = train(tmp_path / 'whole')
    runner = build(tmp_path / 'part', hooks=[Signal(number), dict(type='eva_mm.PreemptionHook')])
    with pytest.raises(SystemExit) as stopped:
        runner.train()
    assert stopped.value.code == REQUEUE == 75
    assert (tmp_path / 'part/last_checkpoint').read_text().endswith('iter_5.pth')
    rest = train(tmp_path / 'part', resume=True, hooks=[dict(type='eva_mm.PreemptionHook')])
    assert rest.losses == {step: whole.losses[step] for step in range(5, 24)}
    assert torch.equal(rest.weights['linear.weight'], whole.weights['linear.weight'])


def test_one_process_that_is_asked_is_enough(tmp_path, monkeypatch):
    def from_another_process(flag, op):
        assert op == 'max'
        flag.fill_(1)

    monkeypatch.setattr('eva_mm.engine.long_run.preemption.all_reduce', from_another_process)
    with pytest.raises(SystemExit):
        build(tmp_path, hooks=[dict(type='eva_mm.PreemptionHook')]).train()
    assert (tmp_path / 'iter_1.pth').exists()


def test_the_hook_that_saves_is_missed_at_once(tmp_path):
    runner = build(tmp_path, hooks=[dict(type='eva_mm.PreemptionHook')])
    runner._hooks = [hook for hook in runner.hooks if type(hook).__name__ != 'SafeCheckpointHook']
    with pytest.raises(ValueError, match="needs default_hooks.checkpoint.type='eva_mm.SafeCheckpointHook'"):
        runner.train()


@pytest.mark.parametrize('loop, validate', [('epoch', 1), ('iter', 8)])
def test_a_signal_ends_a_validation_at_once_and_it_is_made_up_for(tmp_path, loop, validate):
    whole = train(tmp_path / 'whole', loop=loop, validate=validate)
    options = dict(loop=loop, validate=validate, interval=100)
    runner = build(tmp_path / 'part', hooks=[SignalInValidation(), dict(type='eva_mm.PreemptionHook')], **options)
    with pytest.raises(SystemExit) as stopped:
        runner.train()
    assert stopped.value.code == REQUEUE
    assert len(runner.val_evaluator.metrics[0].results) == 8  # two batches of it
    assert (tmp_path / 'part/last_checkpoint').read_text().endswith('iter_8.pth')
    rest = train(tmp_path / 'part', resume=True, hooks=[dict(type='eva_mm.PreemptionHook')], **options)
    assert rest.losses == {step: whole.losses[step] for step in range(8, 24)}
    assert torch.equal(rest.weights['linear.weight'], whole.weights['linear.weight'])
    assert rest.runner.val_evaluator.metrics[0].begun == 3 == whole.runner.val_evaluator.metrics[0].begun


def test_checkpoints_beyond_the_interval_do_not_pile_up(tmp_path):
    train(tmp_path, validate=1, interval=10, hooks=[dict(type='eva_mm.PreemptionHook')])
    # saved at 10, 20 and 24; before validations at 8, 16 and 24
    assert sorted(path.name for path in tmp_path.glob('*.pth')) == ['iter_10.pth', 'iter_20.pth', 'iter_24.pth']


def test_it_waits_until_gradients_are_used(tmp_path):
    options = dict(accumulate=4, interval=100)
    whole = train(tmp_path / 'whole', **options)
    runner = build(tmp_path / 'part', hooks=[Signal(signal.SIGTERM), dict(type='eva_mm.PreemptionHook')], **options)
    with pytest.raises(SystemExit):
        runner.train()
    assert (tmp_path / 'part/last_checkpoint').read_text().endswith('iter_8.pth')
    rest = train(tmp_path / 'part', resume=True, **options)
    assert rest.losses == {step: whole.losses[step] for step in range(8, 24)}
    assert torch.equal(rest.weights['linear.weight'], whole.weights['linear.weight'])
