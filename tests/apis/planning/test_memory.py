"""A step without data against the same step with data, on small trunks."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from eva_mm.apis.planning.fake import _attend_fused
from eva_mm.apis.planning.memory import _run, dtype_of, live_peak, measure_step
from eva_mm.models.backbones import EVAMAEViT, EVAPretrainViT, EVAViT, EVAViTDet, EVAViTVideo

ARCH = dict(embed_dims=48, num_layers=4, num_heads=4, feedforward_channels=160)
BATCH = 3
NUMBER = 4


def plain(**kwargs):
    return EVAViT(arch=ARCH, img_size=112, patch_size=14, out_type='raw', **kwargs)


def _video():
    return EVAViTVideo(arch=ARCH, img_size=56, patch_size=14, num_frames=4, out_type='raw')


def _mae():
    decoder = dict(embed_dims=32, num_layers=2, num_heads=4, feedforward_channels=64)
    return EVAMAEViT(arch=ARCH, decoder_arch=decoder, img_size=112, patch_size=14)


def _detection():
    return EVAViTDet(arch=ARCH, img_size=64, patch_size=16, window_size=4, rel_pos_img_size=128)


def _fp32_attention():
    return plain(attn_fp32=True)


def _layer_scale():
    return plain(layer_scale_init_value=1.0, drop_path_rate=0.2)


def _checkpointed():
    return plain(with_cp=True)


def _selective():
    return plain(with_cp='selective')


TRUNKS = {
    plain: (3, 112, 112),
    _fp32_attention: (3, 112, 112),
    _layer_scale: (3, 112, 112),
    _checkpointed: (3, 112, 112),
    _selective: (3, 112, 112),
    _detection: (3, 160, 96),
    _video: (3, 4, 56, 56),
    _mae: (3, 112, 112),
}


def step_of(*shape):
    def step(model, batch_size):
        images = torch.ones(batch_size, *shape, dtype=next(model.parameters()).dtype)
        out = model(images)
        return [each for each in (out if isinstance(out, tuple) else (out,)) if each.is_floating_point()]

    return step


def fake(build, shape, precision, batch_size=BATCH):
    with torch.device('meta'):
        model = build()
    return measure_step(model, step_of(*shape), batch_size, precision)


@pytest.mark.parametrize('precision', ['fp32', 'half', 'amp'])
@pytest.mark.parametrize('build', TRUNKS, ids=lambda build: build.__name__.strip('_'))
def test_a_step_without_data_holds_what_one_with_data_holds(build, precision, monkeypatch):
    monkeypatch.setattr('eva_mm.layers.attention._chunks_pay', lambda q: False)
    without = fake(build, TRUNKS[build], precision)
    model = build().to(dtype_of(precision)).train()
    real = _run(model, step_of(*TRUNKS[build]), BATCH, precision)
    # the kernels differ in how they round the log-sum-exp, and the CPU's pads values of relative positions
    tolerance = 0.25 if build is _detection else 0.03
    assert without.forward == pytest.approx(real.forward, rel=tolerance)
    assert sum(without.peak(NUMBER)) == pytest.approx(sum(real.peak(NUMBER)), rel=tolerance)
    assert without.gradients[-1] == real.gradients[-1]


def test_a_billion_parameters_keep_what_a_count_by_hand_says():
    def build():
        return EVAPretrainViT(arch='giant', img_size=224, patch_size=14)

    def step(model, batch_size):
        images = torch.empty(batch_size, 3, 224, 224, dtype=torch.bfloat16)
        return [model(images, torch.empty(batch_size, 256, dtype=torch.bool))[0]]

    with torch.device('meta'):
        model = build()
    memory = measure_step(model, step, 32, 'half')
    # 8 C + 2 F numbers of two bytes for each token of each block
    assert memory.forward == pytest.approx(40 * 32 * 257 * 2 * (8 * 1408 + 2 * 6144), rel=0.01)
    assert memory.gradients[-1] == sum(p.numel() for p in model.parameters())


def test_checkpointing_keeps_less_and_computes_more():
    nothing, all_of_it, cheap = (fake(build, (3, 112, 112), 'fp32') for build in (plain, _checkpointed, _selective))
    assert all_of_it.forward < cheap.forward < nothing.forward
    # attention is kept by the selective kind, and the last product of a block is not computed again
    assert nothing.flops <= cheap.flops < all_of_it.flops
    again = all_of_it.flops - nothing.flops
    assert 0.5 * nothing.forward_flops < again < nothing.forward_flops


def test_frozen_blocks_keep_nothing_and_have_no_backward_pass():
    half = fake(lambda: plain(frozen_stages=2), (3, 112, 112), 'fp32')
    whole = fake(plain, (3, 112, 112), 'fp32')
    images = BATCH * 3 * 112 * 112 * NUMBER
    # the frozen embedding keeps no images
    assert half.forward == pytest.approx((whole.forward - images) / 2, rel=0.1)
    assert half.forward_flops == whole.forward_flops
    assert half.flops - half.forward_flops < 0.55 * (whole.flops - whole.forward_flops)


def test_memory_without_the_matrix_of_all_pairs_grows_with_the_tokens():
    def peak(side, **kwargs):
        def build():
            return EVAViT(arch=ARCH, img_size=side, patch_size=14, out_type='raw', **kwargs)

        return fake(build, (3, side, side), 'fp32', 1).forward

    assert peak(448) < 4.5 * peak(224)
    assert peak(448, attn_fp32=True) > 8 * peak(224, attn_fp32=True)


def test_flops_are_torch_s_own():
    """Forward and backward pass in plain products, which torch's counter knows on every device."""

    def build():
        return plain(attn_fp32=True)

    memory = fake(build, (3, 112, 112), 'fp32', 1)
    model = build()
    with FlopCounterMode(display=False) as counter:
        out = model(torch.zeros(1, 3, 112, 112))[0]
        forward = counter.get_total_flops()
        out.sum().backward()
    assert (memory.forward_flops, memory.flops) == (forward, counter.get_total_flops())
    # the fused kernel does the same arithmetic; its recomputation is not counted
    assert fake(plain, (3, 112, 112), 'fp32', 1).flops == memory.flops


def test_the_kernel_attends_as_torch_does():
    q, k, v = (torch.empty(2, 4, 65, 12, device='meta') for _ in range(3))
    assert _attend_fused(q, k, v, None).shape == v.shape


def test_gradients_count_as_their_stage_says():
    memory = fake(plain, (3, 112, 112), 'fp32')
    assert sum(memory.peak(1e6)) >= 1e6 * memory.gradients[-1]
    assert memory.peak(0)[2] == 0


def test_what_is_freed_does_not_count():
    def work():
        one = torch.ones(1000)
        two = one + 1
        del one
        three = two * 2
        return two + three

    assert live_peak(work) == 3 * 1000 * NUMBER


def test_views_and_results_in_place_are_no_new_memory():
    assert live_peak(lambda: torch.ones(1000).view(10, 100).add_(1).t()) == 1000 * NUMBER


def test_gradients_are_memory():
    weight = torch.zeros(1000, requires_grad=True)
    assert live_peak(lambda: weight.square().sum().backward()) >= 2 * 1000 * NUMBER


def test_an_unknown_precision_is_refused():
    with pytest.raises(ValueError, match='fp8.*choose from fp32, half, amp'):
        dtype_of('fp8')
