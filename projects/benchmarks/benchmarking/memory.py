"""Peak memory of one call, beyond what is held before it."""

import gc
from collections.abc import Callable
from pathlib import Path

import torch


def _resident(key: str) -> int:
    for line in Path('/proc/self/status').read_text().splitlines():
        if line.startswith(key):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f'/proc/self/status has no {key}: peak memory on a CPU is measured on Linux only.')


def peak_of(work: Callable[[], object], device: str) -> int:
    """Bytes that ``work`` needs at its peak beyond what is held before.

    On a CPU this is the growth of the resident set: run it in a process of its own, since freed memory may stay there.
    On a GPU it is what torch's allocator hands out.
    """
    gc.collect()
    if torch.device(device).type == 'cuda':
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        work()
        return torch.cuda.max_memory_allocated() - before
    # sets the high-water mark to the present resident set
    Path('/proc/self/clear_refs').write_text('5')
    before = _resident('VmHWM')
    work()
    # the kernel counts pages in batches, so that little work may seem to give some back
    return max(0, _resident('VmHWM') - before)
