"""State of a training run, on sizes that can be counted by hand."""

import numpy as np
import pytest

from eva_mm.apis.planning.memory import StepMemory
from eva_mm.apis.planning.zero import Weights, days_to_train, memory_of_stage

COUNT = 1000


def step():
    """Two moments: all activations and no gradient, a tenth of them and all gradients."""
    return StepMemory(5000.0, np.array([5000.0, 500.0]), np.array([100.0, 100.0]), np.array([0.0, COUNT]), 1.0, 3.0)


def stages(gpus, precision, **options):
    return [memory_of_stage(s, Weights(COUNT), step(), gpus, precision, options=options) for s in range(4)]


def test_state_of_each_stage_in_half_precision():
    memory = stages(4, 'half', reduce_bucket_size=0, stage3_max_live_parameters=0)
    ends = [sum(m.moments['optimizer step'].values()) / COUNT for m in memory]
    # weights, gradients, fp32 weights and moments, fp32 gradients of the step
    assert ends == pytest.approx([2 + 2 + 12 + 4, 2 + 2 + 4, 2 + 0.5 + 4, 0.5 + 0.5 + 4])


def test_state_of_ddp_in_fp32():
    memory = stages(2, 'fp32')[0]
    assert sum(memory.moments['optimizer step'].values()) == (4 + 4 + 8) * COUNT
    assert memory.moments['backward pass']['buffer of reduced gradients'] == 4 * COUNT


def test_buffers_follow_the_options():
    name = 'buffer of reduced gradients'
    memory = stages(2, 'half', reduce_bucket_size=1000, overlap_comm=True)
    assert memory[1].moments['backward pass'][name] == 2 * 2 * 1000
    memory = stages(2, 'half', reduce_bucket_size=1000, overlap_comm=False)
    parts = memory[3].moments['backward pass']
    assert parts[name] == 2 * 1000 and parts['gathered weights'] == 2 * COUNT


@pytest.mark.parametrize(('gpus', 'expected'), [(1, 600 + 2 * COUNT), (1000, 5100 + 0)])
def test_the_worst_moment_of_the_backward_pass_depends_on_the_share_of_the_gradients(gpus, expected):
    """Whole gradients make its end the worst moment where activations are few."""
    few = StepMemory(1000.0, np.array([1000.0, 500.0]), np.array([100.0, 100.0]), np.array([0.0, COUNT]), 1.0, 3.0)
    chosen = few if gpus == 1 else step()
    parts = memory_of_stage(2, Weights(COUNT), chosen, gpus, 'half', options=dict(reduce_bucket_size=0))
    held = parts.moments['backward pass']
    assert held['activations'] + held['backward step'] + held['gradients'] == pytest.approx(expected, abs=1)


def test_a_teacher_is_held_in_fp32_and_cast_under_autocast():
    memory = memory_of_stage(0, Weights(COUNT, teacher=10), step(), 1, 'amp').moments['teacher']
    assert (memory['teacher'], memory['half precision teacher'], memory['activations']) == (40, 20, 5000)


def test_the_peak_is_the_largest_moment():
    for memory in stages(1, 'half'):
        assert memory.peak == max(sum(parts.values()) for parts in memory.moments.values())
        assert memory.parts is memory.moments[memory.peak_moment]


def test_days():
    assert days_to_train(86400 * 3e14, 1, 300, 0.5) == pytest.approx(2)
    with pytest.raises(ValueError, match='0 < mfu <= 1'):
        days_to_train(1e15, 1, 300, 1.5)
