"""The time-out of the first process group reaches the groups that DeepSpeed makes for itself."""

import importlib.util
from datetime import timedelta

import pytest
import torch
import torch.distributed as dist

pytestmark = pytest.mark.skipif(importlib.util.find_spec('deepspeed') is None, reason='deepspeed is not installed')


def test_all_groups_wait_as_long():
    from eva_mm.engine.deepspeed.strategy import _limit_waiting

    dist.init_process_group('gloo', store=dist.HashStore(), rank=0, world_size=1, timeout=timedelta(seconds=7))
    try:
        groups = [dist.new_group([0]), dist.new_group([0])]
        backends = [group._get_backend(torch.device('cpu')) for group in groups]
        # what the strategy is there for: torch's new groups ignore the time-out of the first
        assert all(backend.options._timeout > timedelta(minutes=10) for backend in backends)
        _limit_waiting(timedelta(seconds=7))
        assert all(backend.options._timeout == timedelta(seconds=7) for backend in backends)
    finally:
        dist.destroy_process_group()
