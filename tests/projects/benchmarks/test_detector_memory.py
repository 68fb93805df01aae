import sys
from pathlib import Path

import pytest
import torch

FOLDER = Path(__file__).parents[3] / 'projects' / 'benchmarks'
sys.path.insert(0, str(FOLDER))
from benchmarking.choices import Shape  # noqa: E402
from benchmarking.detector_memory import account, step_of, trunk_with_pyramid  # noqa: E402

from eva_mm.apis.planning.memory import live_peak  # noqa: E402


@pytest.mark.parametrize('mode', ['forward', 'train'])
def test_account_gives_what_real_tensors_give(monkeypatch, mode):
    """Without the chunks of a CPU; the kernel of a CPU pads the values of relative positions."""
    monkeypatch.setattr('eva_mm.layers.attention._chunks_pay', lambda q: False)
    shape = Shape('nano', 4, 256, 16)
    model = trunk_with_pyramid(shape, 256, -1)
    real = live_peak(step_of(model, torch.rand(1, 3, 256, 256), mode))
    assert account(shape, 256, mode, torch.float32)['peak_bytes'] == pytest.approx(real, rel=0.15)


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
