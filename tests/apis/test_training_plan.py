"""Arithmetic and state of a training run, on sizes that can be counted by hand or by torch."""

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from eva_mm.apis.memory_account import Setting, account_of_trunk
from eva_mm.apis.training_plan import Weights, days_to_train, memory_of_stage, trunk_flops
from eva_mm.models.backbones import EVAMAEViT, EVAViT, EVAViTDet

ARCH = dict(embed_dims=48, num_layers=4, num_heads=4, feedforward_channels=160)


def counted(model, *shape):
    """Operations that torch counts; in plain products, since it does not know the CPU's fused attention."""
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        model.eval()(torch.zeros(1, *shape))
    return counter.get_total_flops()


def test_flops_of_a_plain_trunk():
    model = EVAViT(arch=ARCH, img_size=112, patch_size=14, out_type='raw')
    assert trunk_flops(model) == counted(model, 3, 112, 112)


def test_flops_of_windows():
    model = EVAViTDet(arch=ARCH, img_size=64, patch_size=16, window_size=4, rel_pos_img_size=128)
    # the channels of the relative position, a few of each head, pass through the logits as well
    assert trunk_flops(model) <= counted(model, 3, 128, 128) <= 1.35 * trunk_flops(model)


def test_flops_of_the_mae_trunk():
    decoder = dict(embed_dims=32, num_layers=2, num_heads=4, feedforward_channels=64)
    model = EVAMAEViT(arch=ARCH, decoder_arch=decoder, img_size=112, patch_size=14)
    assert trunk_flops(model) == pytest.approx(counted(model, 3, 112, 112), rel=0.02)


@pytest.fixture(scope='module')
def model():
    return EVAViT(arch=ARCH, img_size=112, patch_size=14, out_type='raw')


def stages(model, gpus, precision, **options):
    setting = Setting(2, precision)
    trunk = account_of_trunk(model, setting)
    weights = Weights.of(model)
    return [memory_of_stage(s, weights, trunk, gpus, setting, options=options) for s in range(4)], weights.trained


def test_state_of_each_stage_in_half_precision(model):
    memory, count = stages(model, 4, 'half', reduce_bucket_size=0, stage3_max_live_parameters=0)
    ends = [sum(m.moments['step'].values()) / count for m in memory]
    # weights, gradients, fp32 weights and moments, fp32 gradients of the step
    assert ends == pytest.approx([2 + 2 + 12 + 4, 2 + 2 + 4, 2 + 0.5 + 4, 0.5 + 0.5 + 4])


def test_state_of_ddp_in_fp32(model):
    memory, count = stages(model, 2, 'fp32')
    assert sum(memory[0].moments['step'].values()) == (4 + 4 + 8) * count
    assert memory[0].moments['start of the backward pass']['buffer of reduced gradients'] == 4 * count


def test_buffers_follow_the_options(model):
    name = 'buffer of reduced gradients'
    memory, _ = stages(model, 2, 'half', reduce_bucket_size=1000, overlap_comm=True)
    assert memory[1].parts[name] == 2 * 2 * 1000
    memory, count = stages(model, 2, 'half', reduce_bucket_size=1000, overlap_comm=False)
    assert memory[3].parts[name] == 2 * 1000 and memory[3].parts['gathered weights'] == 2 * count


def test_the_peak_is_the_largest_moment(model):
    memory, _ = stages(model, 1, 'half')
    for stage in memory:
        assert stage.peak == max(sum(parts.values()) for parts in stage.moments.values())


def test_days():
    assert days_to_train(86400 * 3e14, 1, 300, 0.5) == pytest.approx(2)
    with pytest.raises(ValueError, match='0 < mfu <= 1'):
        days_to_train(1e15, 1, 300, 1.5)
