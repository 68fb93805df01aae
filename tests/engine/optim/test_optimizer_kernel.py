"""``fused=True`` in a config: the unfused steps but for rounding, in every wrapper and after every resumption."""

import copy

import pytest
import torch
from mmengine.optim import build_optim_wrapper
from mmengine.optim.optimizer import amp_optimizer_wrapper
from torch import nn

from eva_mm.engine.optim.optimizer_kernel import keep_kernel


@pytest.fixture
def build(monkeypatch):
    """A model and its wrapper; mmengine's for mixed precision wants a GPU, but runs on a CPU with a CPU's scaler."""
    monkeypatch.setattr(amp_optimizer_wrapper, 'is_cuda_available', lambda: True)

    def make(wrapper, fused, **options):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(6, 8), nn.GELU(), nn.LayerNorm(8), nn.Linear(8, 3))
        cfg = dict(
            type=wrapper,
            optimizer=dict(type='AdamW', lr=1e-2, betas=(0.9, 0.98), weight_decay=0.05, fused=fused),
            constructor='eva_mm.LayerDecayOptimWrapperConstructor',
            paramwise_cfg=dict(flat_decay_mult=0.0),
            **options,
        )
        optim_wrapper = build_optim_wrapper(model, cfg)
        if wrapper == 'AmpOptimWrapper':
            optim_wrapper.loss_scaler = torch.amp.GradScaler('cpu', init_scale=2.0**8)
        return model, optim_wrapper

    return make


def train(model, optim_wrapper, steps, overflow=()):
    for step in range(steps):
        torch.manual_seed(step)
        loss = model(torch.randn(4, 6)).square().mean()
        optim_wrapper.update_params(loss * torch.inf if step in overflow else loss)
    return [p.detach().clone() for p in model.parameters()]


CLIPPING = dict(clip_grad=dict(max_norm=0.1))
WRAPPERS = [
    ('OptimWrapper', {}),
    ('OptimWrapper', CLIPPING),
    ('AmpOptimWrapper', {}),
    ('AmpOptimWrapper', CLIPPING),
    ('AmpOptimWrapper', dict(dtype='bfloat16', accumulative_counts=2)),
]


@pytest.mark.parametrize('wrapper, options', WRAPPERS)
def test_steps_are_the_unfused_ones_but_for_rounding(build, wrapper, options):
    start = [p.detach().clone() for p in build(wrapper, None)[0].parameters()]
    # a scaler skips the step whose gradient is not finite
    overflow = (2,) if wrapper == 'AmpOptimWrapper' and not options else ()
    plain = train(*build(wrapper, None, **options), 6, overflow)
    fused = train(*build(wrapper, True, **options), 6, overflow)
    for one, other, before in zip(plain, fused, start):
        torch.testing.assert_close(other, one, rtol=1e-5, atol=1e-6)
        assert not torch.equal(one, before) and one.isfinite().all()


@pytest.mark.parametrize('wrapper, options', WRAPPERS)
@pytest.mark.parametrize('before, after', [(None, True), (True, None), (True, True)])
def test_a_resumed_run_steps_as_its_config_says(build, wrapper, options, before, after):
    uninterrupted = train(*build(wrapper, before, **options), 6)
    model, optim_wrapper = build(wrapper, before, **options)
    train(model, optim_wrapper, 4)
    saved = copy.deepcopy((model.state_dict(), optim_wrapper.state_dict()))
    model, optim_wrapper = build(wrapper, after, **options)
    model.load_state_dict(saved[0])
    optim_wrapper.load_state_dict(saved[1])
    assert {group['fused'] for group in optim_wrapper.optimizer.param_groups} == {after}
    for step in (4, 5):
        torch.manual_seed(step)
        optim_wrapper.update_params(model(torch.randn(4, 6)).square().mean())
    for one, other in zip(model.parameters(), uninterrupted):
        torch.testing.assert_close(one.detach(), other, rtol=1e-5, atol=1e-6)


def test_torch_alone_takes_the_kernel_of_the_checkpoint():
    """What :func:`keep_kernel` is for; if this fails torch does it by itself."""
    weight = nn.Parameter(torch.ones(2))
    saved = torch.optim.AdamW([weight]).state_dict()
    optimizer = torch.optim.AdamW([weight], fused=True)
    optimizer.load_state_dict(saved)
    assert not optimizer.param_groups[0]['fused']


def test_other_settings_are_the_checkpoints_and_it_is_not_changed():
    weight = nn.Parameter(torch.ones(2))
    saved = torch.optim.AdamW([weight], lr=0.5).state_dict()
    optimizer = torch.optim.AdamW([weight], lr=0.1, fused=True)
    keep_kernel(optimizer)
    optimizer.load_state_dict(saved)
    assert (optimizer.param_groups[0]['lr'], optimizer.param_groups[0]['fused']) == (0.5, True)
    assert saved['param_groups'][0]['fused'] is None


def test_optimizers_without_kernels_and_other_groups():
    first, second = nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(3))
    plain = torch.optim.LBFGS([first])
    keep_kernel(plain)
    plain.load_state_dict(plain.state_dict())
    optimizer = torch.optim.AdamW([first], fused=True)
    keep_kernel(optimizer)
    with pytest.raises(ValueError, match='different number of parameter groups'):
        optimizer.load_state_dict(torch.optim.AdamW([{'params': [first]}, {'params': [second]}]).state_dict())
