import sys
from pathlib import Path

import pytest
import torch

FOLDER = Path(__file__).parents[3] / 'tools' / 'analysis_tools'
sys.path.insert(0, str(FOLDER))
from benchmarking.choices import Shape  # noqa: E402
from benchmarking.detector_memory import _fused, account, step_of, trunk_with_pyramid  # noqa: E402
from benchmarking.live_memory import live_peak  # noqa: E402

from eva_mm.layers.attention import attend_fused  # noqa: E402

NUMBER = 4


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


def test_gradients_count():
    weight = torch.zeros(1000, requires_grad=True)
    assert live_peak(lambda: weight.square().sum().backward()) >= 2 * 1000 * NUMBER


@pytest.mark.parametrize('mode', ['forward', 'train'])
def test_account_gives_what_real_tensors_give(monkeypatch, mode):
    """With the same attention on both; the chunks of a CPU have other temporary tensors."""
    monkeypatch.setattr('eva_mm.layers.attention._chunks_pay', lambda q: False)
    monkeypatch.setattr('eva_mm.layers.attention.attend_fused', _fused)
    shape = Shape('nano', 4, 256, 16)
    model = trunk_with_pyramid(shape, 256, -1)
    real = live_peak(step_of(model, torch.rand(1, 3, 256, 256), mode))
    assert account(shape, 256, mode, torch.float32)['peak_bytes'] == pytest.approx(real, rel=0.02)


def test_the_kernel_keeps_what_torch_s_keeps():
    """On the CPU queries, keys, values, result and log-sum-exp too."""

    def saved(attend):
        q, k, v = (torch.rand(1, 2, 64, 16, requires_grad=True) for _ in range(3))
        sizes = {}
        def pack(tensor):
            sizes[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
            return tensor
        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            kept = attend(q, k, v, None)
        assert kept.shape == v.shape
        return sum(sizes.values())

    assert saved(_fused) == saved(attend_fused)


def test_no_matrix_over_all_pairs_of_tokens():
    """Twice the side is four times the tokens and at most about four times the memory."""
    small, large = (account(Shape('nano', 4, side, 16), side, 'forward', torch.float16) for side in (512, 1024))
    assert large['peak_bytes'] < 5 * small['peak_bytes']


def test_frozen_blocks_need_no_optimizer_states():
    shape = Shape('nano', 4, 256, 16)
    whole, half = (account(shape, 256, 'train', torch.float16, frozen) for frozen in (-1, 2))
    for name, size in half['optimizer_bytes'].items():
        assert size < whole['optimizer_bytes'][name]
    assert half['peak_bytes'] < whole['peak_bytes']
