from types import SimpleNamespace

import pytest
import torch

from eva_mm.engine.non_finite_guard_hook import NonFiniteGuardHook


@pytest.fixture
def run():
    """A step of training that takes a loss and a gradient."""
    weight = torch.nn.Parameter(torch.ones(2))
    optimizer = torch.optim.AdamW([weight], lr=0.1, weight_decay=0.1)
    runner = SimpleNamespace(optim_wrapper=SimpleNamespace(optimizer=optimizer), iter=0)
    hook = NonFiniteGuardHook(patience=3)
    hook.before_train(runner)

    def step(loss, gradient):
        weight.grad = torch.full((2,), gradient)
        optimizer.step()
        hook.after_train_iter(runner, 0, outputs=dict(loss=torch.tensor(loss), loss_mask=torch.tensor(loss)))
        return weight.detach().clone()

    step.hook = hook
    return step


@pytest.mark.parametrize('bad', [float('nan'), float('inf')])
def test_weights_stay_where_they_are(run, bad):
    before = run(1.0, 1.0)
    assert torch.equal(run(1.0, bad), before)
    after = run(1.0, 1.0)
    assert after.isfinite().all() and not torch.equal(after, before)
    assert run.hook.left_out == 1


def test_a_lost_run_ends_and_names_the_terms(run):
    nan = float('nan')
    run(nan, nan), run(nan, nan)
    run(1.0, 1.0)
    run(nan, nan), run(nan, nan)
    with pytest.raises(RuntimeError, match='For 3 iterations in a row the loss .loss, loss_mask. is not finite'):
        run(nan, nan)
