from types import SimpleNamespace

import pytest
import torch
from long_run_toy import train
from mmengine.hooks import Hook
from mmengine.optim import OptimWrapper

from eva_mm.engine.long_run.loss_guard import LossGuardHook

NAN = float('nan')


class Hub(SimpleNamespace):
    """As much of a message hub as the hook uses."""

    def update_info(self, key, value):
        """Keep."""
        self.runtime_info[key] = value

    def update_scalar(self, key, value):
        """Keep."""
        self.scalars[key] = value


@pytest.fixture
def run():
    """A step of training that takes a loss and a gradient."""
    return make_run()


def make_run(accumulative_counts=1, **options):
    weight = torch.nn.Parameter(torch.ones(2))
    optimizer = torch.optim.AdamW([weight], lr=0.1, weight_decay=0.1)
    wrapper = OptimWrapper(optimizer, accumulative_counts=accumulative_counts)
    model = torch.nn.BatchNorm1d(2, affine=False)
    runner = SimpleNamespace(optim_wrapper=wrapper, iter=0, model=model, message_hub=Hub(runtime_info={}, scalars={}))
    hook = LossGuardHook(patience=3, **options)
    hook.before_train(runner)

    def step(loss, gradient=1.0):
        hook.before_train_iter(runner, 0)
        model(torch.full((4, 2), loss))
        value = (weight * gradient).sum()
        value = value + (loss - value.detach())
        wrapper.update_params(value)
        hook.after_train_iter(runner, 0, outputs=dict(loss=torch.tensor(loss), loss_mask=torch.tensor(loss)))
        return weight.detach().clone()

    step.hook, step.hub, step.statistics = hook, runner.message_hub, model
    return step


@pytest.mark.parametrize('bad', [NAN, float('inf')])
@pytest.mark.parametrize('where', ['loss', 'gradient'])
def test_weights_stay_where_they_are(run, bad, where):
    before = run(1.0)
    # a gradient of NaN under a finite loss, as from a square root at 0
    statistics = {name: value.clone() for name, value in run.statistics.state_dict().items()}
    after = run(bad) if where == 'loss' else run(1.0, bad)
    assert torch.equal(after, before)
    # neither do the running statistics hold what the forward pass has seen
    del statistics['num_batches_tracked']
    assert all(torch.equal(getattr(run.statistics, name), value) for name, value in statistics.items())
    after = run(1.0)
    assert after.isfinite().all() and not torch.equal(after, before)
    assert run.hook.left_out == run.hub.scalars['train/left_out'] == 1


def test_a_lost_run_ends_and_names_the_terms(run):
    run(NAN), run(NAN)
    run(1.0)
    run(NAN), run(NAN)
    with pytest.raises(RuntimeError, match='For 3 iterations in a row the loss .loss, loss_mask. is not finite'):
        run(NAN)


def test_a_spike_is_left_out_whatever_the_sign_of_the_loss():
    for level in (-0.7, 5.0):
        run = make_run(spike_factor=10.0, spike_window=4)
        first = run(level + 1.0)  # nothing to compare with yet
        for noise in (0.00, 0.02, -0.02, 0.01, 0.0):
            before = run(level + noise)
        assert not torch.equal(before, first)
        assert torch.equal(run(level + 0.5), before)
        assert run.hook.left_out == 1
        assert not torch.equal(run(level - 0.5), before)  # better is no spike
        assert run.hook.consecutive == 0


def test_without_a_factor_a_spike_is_made():
    run = make_run(spike_window=2)
    for _ in range(4):
        before = run(1.0)
    assert not torch.equal(run(1e6), before)


def test_gradients_accumulated_before_a_lost_one_are_used_when_due():
    lost, kept = make_run(accumulative_counts=2), make_run(accumulative_counts=2)
    start = lost(1.0)
    assert not torch.equal(lost(NAN), start)
    kept(1.0)
    assert torch.equal(lost.hook._watched.optimizer.param_groups[0]['params'][0], kept(1.0, 0.0))


def test_wrong_settings():
    for options in (dict(spike_factor=0.0), dict(spike_window=1)):
        with pytest.raises(ValueError, match='expected a positive factor'):
            LossGuardHook(**options)


class Explode(Hook):
    """Spoils the batches of some iterations until the data change."""

    priority = 'VERY_HIGH'

    def __init__(self, steps, value):
        self.steps, self.value, self.orders = steps, value, []

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        """Spoil this one if it is due."""
        self.orders.append((runner.iter, data_batch['inputs'][:, 3].tolist()))
        if runner.iter in self.steps and not runner.message_hub.runtime_info.get('data_seed_changes'):
            data_batch['inputs'].fill_(self.value)


@pytest.mark.parametrize('value', [NAN, 1e4])
def test_a_lost_run_goes_back_and_on_with_other_data(tmp_path, value, capfd):
    explode = Explode(range(13, 24), value)
    guard = dict(type='eva_mm.LossGuardHook', patience=3, spike_factor=100.0, spike_window=4, roll_back=True)
    record = train(tmp_path, hooks=[explode, guard])
    warning = ' '.join(capfd.readouterr())
    assert 'For 3 iterations in a row' in warning and f'Going back to {tmp_path / "iter_15.pth"}' in warning
    assert [step for step, _ in explode.orders] == [*range(16), *range(15, 24)]
    first, second = (order for step, order in explode.orders if step == 15)
    assert first != second
    assert all(torch.isfinite(weights).all() for weights in record.weights.values())
    saved = torch.load(tmp_path / 'iter_24.pth', weights_only=False)
    assert saved['message_hub']['runtime_info']['data_seed_changes'] == 1


def test_a_run_that_goes_on_being_lost_ends(tmp_path):
    explode = Explode(range(24), NAN)
    guard = dict(type='eva_mm.LossGuardHook', patience=3, roll_back=True)
    with pytest.raises(RuntimeError, match='There is no earlier checkpoint in .* to go back to'):
        train(tmp_path, hooks=[explode, guard])
