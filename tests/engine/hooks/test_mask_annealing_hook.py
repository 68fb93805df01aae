from types import SimpleNamespace

import pytest
import torch
from torch import nn

from eva_mm.engine import MaskAnnealingHook


def _model(blocks=4):
    model = nn.Module()
    model.backbone = nn.Module()
    model.backbone.register_buffer('attn_mask_probs', torch.ones(blocks))
    return model


def _run(hook, model, start=0, steps=600, until=None):
    """Probabilities while each iteration runs, and after the last."""
    runner = SimpleNamespace(model=model, max_iters=steps, iter=start)
    hook.before_train(runner)
    seen = [model.backbone.attn_mask_probs.clone()]
    for runner.iter in range(start, until or steps):
        hook.after_train_iter(runner, 0)
        seen.append(model.backbone.attn_mask_probs.clone())
    return torch.stack(seen)


def test_blocks_are_weaned_one_after_the_other():
    """Of the release: 39,120 iterations, from 6520, 13040, 19560 and 26080 on, to 32600."""
    seen = _run(MaskAnnealingHook(), _model(), steps=600)
    for block in range(4):
        start, end = 100 * (block + 1), 100 * (block + 2)
        assert seen[: start + 1, block].eq(1).all() and seen[end:, block].eq(0).all()
        assert seen[start + 50, block].item() == pytest.approx(0.5**0.9)
    assert (seen.diff(dim=0) <= 0).all()


def test_a_resumed_run_goes_on_where_it_was():
    whole = _run(MaskAnnealingHook(), _model())
    assert torch.equal(_run(MaskAnnealingHook(), _model(), start=270), whole[270:])


def test_spans_of_ones_own():
    seen = _run(MaskAnnealingHook([(0.0, 0.5), (0.5, 1.0)], power=1), _model(2), steps=100)
    assert seen[25].tolist() == [0.5, 1.0] and seen[75].tolist() == [0.0, 0.5] and seen[100].tolist() == [0.0, 0.0]


def test_refuses_spans_that_do_not_fit():
    with pytest.raises(ValueError, match=r'each must be \(start, end\)'):
        MaskAnnealingHook([(0.5, 0.2)])
    with pytest.raises(ValueError, match='has 1 spans for 4 blocks'):
        _run(MaskAnnealingHook([(0.0, 0.5)]), _model())
    with pytest.raises(ValueError, match=r'found no eva_mm\.EVAViTEoMT in Linear'):
        _run(MaskAnnealingHook(), nn.Linear(1, 1))
