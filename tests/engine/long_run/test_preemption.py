import os
import signal

import pytest
import torch
from long_run_toy import build, train
from mmengine.hooks import Hook

from eva_mm.engine.long_run.preemption import REQUEUE_EXIT_CODE


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


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGUSR1])
def test_saves_the_running_iteration_and_asks_for_a_requeue(tmp_path, number):
    whole = train(tmp_path / 'whole')
    runner = build(tmp_path / 'part', hooks=[Signal(number), dict(type='eva_mm.PreemptionHook')])
    with pytest.raises(SystemExit) as stopped:
        runner.train()
    assert stopped.value.code == REQUEUE_EXIT_CODE == 75
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
