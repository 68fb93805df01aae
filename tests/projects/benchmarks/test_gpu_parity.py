"""What the comparison finds, and that nothing is left out of it."""

import sys
from pathlib import Path

import pytest
import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).parents[3] / 'projects' / 'benchmarks'))
from gpu_steps.parity import Case, compare  # noqa: E402
from gpu_steps.precision import PRECISIONS, worst_error  # noqa: E402
from gpu_steps.recorder import Recorder, read  # noqa: E402


@pytest.fixture
def rows(tmp_path):
    """Rows of a case on the CPU, by precision."""

    def run(module, *inputs, smooth=True):
        recorder = Recorder(tmp_path / 'rows')
        compare(Case('a', lambda: (module, inputs), 'model', smooth), 'cpu', recorder)
        return {row.get('precision'): row for row in read(tmp_path / 'rows')}

    return run


class OffInHalf(nn.Module):
    """A layer that is wrong in half precision: in its result, or in its gradient only."""

    def __init__(self, where):
        super().__init__()
        self.linear, self.where = nn.Linear(8, 8), where

    def forward(self, x):
        y = self.linear(x)
        if y.dtype == torch.float32:
            return y
        wrong = 1.5 * y
        return wrong if self.where == 'output' else y.detach() + wrong - wrong.detach()


@pytest.mark.parametrize('where', ['output', 'gradient'])
def test_an_error_is_seen_where_it_is(rows, where):
    found = rows(OffInHalf(where), torch.randn(4, 8))
    assert found['fp32']['status'] == 'ok' and found['fp32']['gradient_error'] == 0
    for name in ('fp16', 'bf16', 'autocast fp16', 'autocast bf16'):
        assert found[name]['status'] == 'beyond its bound'
        assert found[name]['gradient_error'] == pytest.approx(0.5, rel=0.05)
        assert found[name]['output_error'] < 0.02 or where == 'output'


def test_rounding_of_inputs_is_no_error(rows):
    """A function that blows up what rounding of its input changes."""

    class Steep(nn.Module):
        def forward(self, x):
            return (1000 * (x.float() - 1)).to(x.dtype)

    found = rows(Steep(), torch.tensor([1.001, 1.0005]))
    assert all(row['status'] == 'ok' for row in found.values())


def test_wild_gradients_are_recorded_and_not_judged(rows):
    found = rows(OffInHalf('gradient'), torch.randn(4, 8), smooth=False)
    assert all(row['status'] == 'ok' for row in found.values())
    assert found['bf16']['gradient_bound'] is None and found['bf16']['gradient_error'] > 0.4
    assert found['fp32']['gradient_bound'] == 1e-2


def test_a_precision_that_fails_leaves_the_others(rows):
    class Refuses(nn.Module):
        def forward(self, x):
            if x.dtype == torch.float16:
                raise RuntimeError('"op" not implemented for \'Half\'')
            return x * 2

    found = rows(Refuses(), torch.randn(3))
    assert found['fp16']['status'] == 'skipped' and found['bf16']['status'] == 'ok'


def test_errors_are_relative_to_the_tensor_and_not_to_what_is_nothing():
    large, tiny = torch.tensor([100.0, -50.0]), torch.tensor([1e-9])
    expected = {'large': large, 'tiny': tiny}
    # off by its own size, which is 0 beside the other
    assert worst_error({'large': large, 'tiny': 2 * tiny}, expected)[0] < 1e-7
    assert worst_error({'large': large + torch.tensor([0.0, 1.0]), 'tiny': tiny}, expected) == (0.01, 'large')


@pytest.mark.parametrize('found', [torch.tensor([1.0, torch.nan]), torch.tensor([1.0, torch.inf]), torch.ones(3)])
def test_what_is_not_finite_or_has_another_shape_is_infinitely_far(found):
    assert worst_error({'a': found}, {'a': torch.ones(2)}) == (float('inf'), 'a')


def test_indices_count_by_their_share():
    expected = {'kept': torch.tensor([3, 1, 2, 0])}
    assert worst_error({'kept': torch.tensor([3, 1, 0, 2])}, expected) == (0.5, 'kept')


def test_bounds_are_far_above_rounding_and_far_below_a_wrong_result():
    for precision in PRECISIONS:
        step = 2**-11 if precision.tf32 else torch.finfo(precision.dtype).eps
        assert 8 * step < precision.bound <= 0.1


def test_every_backbone_and_neck_has_a_case():
    pytest.importorskip('open_clip')
    from gpu_steps.parity_models import model_cases

    import eva_mm.models.multimodal
    from eva_mm.models import backbones, necks

    classes = {name for name in (*backbones.__all__, *necks.__all__) if name[0].isupper() and name != 'ARCH_ZOO'}
    classes |= {'EVAViTAdapter', *(name for name in eva_mm.models.multimodal.__all__ if name.endswith('ViT'))}
    assert {case.name.partition(',')[0] for case in model_cases('nano')} == classes


def test_every_operator_has_a_case():
    from gpu_steps.parity_operators import KERNELS, operator_cases

    from eva_mm.compat import mmcv_ops

    kernels = {kernel for names in KERNELS.values() for kernel in names}
    assert kernels == {name for name in mmcv_ops.__all__ if not name.startswith('get_')}
    assert {case.name.partition(',')[0] for case in operator_cases('nano')} == set(KERNELS)


def test_a_broken_kernel_is_found(monkeypatch, tmp_path):
    """RoIAlign whose gradients are half of what they should be, on the device only."""
    import mmcv._ext
    from gpu_steps import parity
    from gpu_steps.parity_operators import operator_cases

    from eva_mm.compat.mmcv_ops import roi_align as module

    device, backward = [], mmcv._ext.roi_align_backward

    def halved(grad_output, *args, **kwargs):
        backward(grad_output * (0.5 if device[-1] else 1.0), *args, **kwargs)

    def compute(module, inputs, where, precision, original=parity.compute):
        device.append(len(device) % 2)  # the reference comes first
        return original(module, inputs, where, precision)

    assert module.roi_align_backward is backward
    # `mmcv.ops.roi_align` is the function
    monkeypatch.setattr(sys.modules['mmcv.ops.roi_align'].ext_module, 'roi_align_backward', halved)
    monkeypatch.setattr(parity, 'compute', compute)
    monkeypatch.setattr(parity, 'precisions_of', lambda device: PRECISIONS[:1])
    case = next(case for case in operator_cases('nano') if case.name.startswith('roi_align, avg'))
    parity.compare(case, 'cpu', Recorder(tmp_path / 'rows'))
    (row,) = read(tmp_path / 'rows')
    assert row['status'] == 'beyond its bound'
    assert row['output_error'] == 0 and row['gradient_error'] == pytest.approx(0.5)
