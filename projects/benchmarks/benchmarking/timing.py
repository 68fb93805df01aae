"""Timing that survives a busy machine: contenders run in turn, and what counts is the median of ratios of a round."""

import statistics
import time
from collections.abc import Callable, Mapping

import torch


def timer(device: str, clock: str = 'wall') -> Callable[[Callable[[], object]], float]:
    """A function that runs another one and returns its seconds, the device's queue emptied before and after.

    Args:
        device: Where the work runs.
        clock: ``'wall'``, or ``'cpu'``: the processor time of all threads, which other programs on the machine do not
            lengthen by taking their turn. It is the wall time of an idle machine only with one thread.
    """
    synchronize = torch.cuda.synchronize if torch.device(device).type == 'cuda' else (lambda: None)
    now = {'wall': time.perf_counter, 'cpu': time.process_time}[clock]

    def timed(work: Callable[[], object]) -> float:
        synchronize()
        start = now()
        work()
        synchronize()
        return now() - start

    return timed


def in_turn(
    works: Mapping[str, Callable[[], float]], rounds: int, minutes: float | None = None
) -> dict[str, list[float]]:
    """Seconds of each work in each round; a work times itself. Every second round runs backwards.

    Args:
        works: Contenders by name.
        rounds: How often each runs.
        minutes: Begin no round that would end later than this, judged by the slowest before; at least one is run.
    """
    seconds: dict[str, list[float]] = {name: [] for name in works}
    begun, slowest = time.perf_counter(), 0.0
    for index in range(rounds):
        start = time.perf_counter()
        if index and minutes is not None and start + slowest > begun + 60 * minutes:
            break
        for name in list(works)[:: -1 if index % 2 else 1]:
            seconds[name].append(works[name]())
        slowest = max(slowest, time.perf_counter() - start)
    return seconds


def speed_ratios(seconds: Mapping[str, list[float]], ours: str) -> dict[str, float]:
    """Median over rounds of how many times the images/s of each other contender ours has."""
    return {
        name: statistics.median(other / own for other, own in zip(values, seconds[ours]))
        for name, values in seconds.items()
        if name != ours
    }
