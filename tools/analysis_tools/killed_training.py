"""What is compared: training runs that are killed or stopped at random moments, with one that is not."""

import multiprocessing
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from forked_training import ForkedTraining, kill, stop

from eva_mm.engine.long_run.checkpoint_store import POINTER, newest_sound, part_name
from eva_mm.engine.long_run.corruption import iteration_of
from eva_mm.process import REQUEUE

PARTS = part_name('*_*.pth')


def losses(work_dir: Path) -> Iterator[tuple[int, int, str]]:
    """Rank, iteration and exact loss of all steps that were made."""
    for file in sorted(work_dir.glob('losses_*.txt')):
        rank = int(file.stem.split('_')[1])
        for line in file.read_text().splitlines():
            iteration, loss, _ = line.split()
            yield rank, int(iteration), loss


def tensors(value: Any, name: str = '') -> Iterator[tuple[str, torch.Tensor]]:
    """All tensors and numbers in a checkpoint."""
    if isinstance(value, torch.Tensor):
        yield name, value
    elif isinstance(value, (int, float)):
        yield name, torch.tensor(value)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from tensors(item, f'{name}.{key}')
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield from tensors(item, f'{name}.{index}')


def final_state(work_dir: Path) -> dict[str, torch.Tensor]:
    """Weights and optimizer states, by name, of the last checkpoint of a run."""
    checkpoint = work_dir / Path((work_dir / POINTER).read_text()).name
    files = sorted(checkpoint.glob('*.pt')) if checkpoint.is_dir() else [checkpoint]
    state = {}
    for file in files:
        whole = torch.load(file, map_location='cpu', weights_only=False)
        kept = {key: whole[key] for key in ('state_dict', 'optimizer', 'module') if key in whole}
        if 'optimizer_state_dict' in whole:
            sharded = whole['optimizer_state_dict']
            kept |= {key: sharded[key] for key in ('base_optimizer_state', 'single_partition_of_fp32_groups')}
        state.update(tensors(kept, '' if checkpoint.is_file() else file.name))
    return state


def wait_for(moment: Callable[[], bool], processes: list[multiprocessing.Process]) -> bool:
    """Wait for something while a run lasts; whether it came."""
    while all(process.exitcode is None for process in processes):
        if moment():
            return True
        time.sleep(0.001)
    return False


def saved_iteration(work_dir: Path) -> int:
    """Iterations of the checkpoint that a run would go on from; 0 without one, -1 if none is sound."""
    try:
        newest = newest_sound(work_dir)
    except ValueError:
        return -1
    return 0 if newest is None else iteration_of(Path(newest))


class Experiment:
    """Kills runs, or asks them to stop, and counts what differs from the uninterrupted one.

    Args:
        training: The runs.
        folder: Where they go.
        seed: Of the moments.
    """

    def __init__(self, training: ForkedTraining, folder: Path, seed: int) -> None:
        self.training, self.folder = training, folder
        self.moments = random.Random(seed)
        self.counts: Counter[str] = Counter()

    def train_whole(self) -> None:
        """The run that all others must equal."""
        whole = self.folder / 'uninterrupted'
        whole.mkdir()
        began = time.time()
        self.training.finish(self.training.start(whole, resume=False), whole)
        times = [float(line.split()[2]) for line in (whole / 'losses_0.txt').read_text().splitlines()]
        self.first_step, self.step = times[0] - began, (times[-1] - times[0]) / len(times)
        self.losses = {(rank, iteration): loss for rank, iteration, loss in losses(whole)}
        self.state = final_state(whole)
        print(f'uninterrupted: {len(self.losses)} losses, {len(self.state)} tensors', flush=True)

    def train_killed(self, kills: int) -> None:
        """One run that is killed and resumed until it is through, or until there are as many kills."""
        work_dir = self.folder / f'killed_{self.counts["runs"]}'
        work_dir.mkdir()
        self.counts['runs'] += 1
        resume = False
        while self.counts['kills'] < kills:
            before, saved = sum(1 for _ in losses(work_dir)), saved_iteration(work_dir) if resume else 0
            processes = self.training.start(work_dir, resume)
            resume = True
            is_asked = self._wait(work_dir, processes, before)
            if not (self._stop(work_dir, processes) if is_asked else kill(processes)):  # it was through
                self.training.finish(processes, work_dir)
                return
            self.counts['kills'] += 1
            self.counts['by SIGTERM'] += is_asked
            self.counts['while writing'] += any(work_dir.glob(PARTS))
            self.counts['before the first step'] += sum(1 for _ in losses(work_dir)) == before
            self.counts['lost checkpoints'] += saved_iteration(work_dir) < saved
        self.training.finish(self.training.start(work_dir, resume), work_dir)

    def _stop(self, work_dir: Path, processes: list[multiprocessing.Process]) -> bool:
        """Ask a run to stop; whether it was still running. All that it has done must be on the disk."""
        codes = stop(processes)
        if set(codes) == {0}:
            return False
        done = max((iteration for _, iteration, _ in losses(work_dir)), default=-1) + 1
        if set(codes) != {REQUEUE} or saved_iteration(work_dir) < done:
            self.counts['not saved'] += 1
            print(f'SIGTERM: exit codes {codes}, {done} iterations done, {saved_iteration(work_dir)} saved', flush=True)
        kill(processes)
        return True

    def compare(self) -> None:
        """Count what differs in the last run."""
        work_dir = self.folder / f'killed_{self.counts["runs"] - 1}'
        found = list(losses(work_dir))
        missing = self.losses.keys() - {(rank, iteration) for rank, iteration, _ in found}
        unequal = [loss for rank, iteration, loss in found if self.losses.get((rank, iteration)) != loss]
        self.counts['losses'] += len(found)
        self.counts['different losses'] += len(unequal) + len(missing)
        state = final_state(work_dir)
        names = self.state.keys() | state.keys()
        same = [n for n in self.state.keys() & state.keys() if torch.equal(self.state[n], state[n])]
        self.counts['tensors'] += len(names)
        self.counts['different tensors'] += len(names) - len(same)
        print(dict(self.counts), flush=True)

    def _wait(self, work_dir: Path, processes: list[multiprocessing.Process], before: int) -> bool:
        """Wait for a moment while a checkpoint is written, while the run starts, or within its next iterations.

        Returns:
            Whether the run is then asked to stop, by SIGTERM, and not killed.
        """
        moment = self.counts['kills'] % 6
        if moment == 4 and wait_for(lambda: any(work_dir.glob(PARTS)), processes):
            time.sleep(self.moments.uniform(0, 0.01))
        elif moment == 3:
            end = time.time() + self.moments.uniform(0, self.first_step)
            wait_for(lambda: time.time() > end, processes)
        else:
            steps = before + self.moments.randint(1, 12) * self.training.processes
            wait_for(lambda: sum(1 for _ in losses(work_dir)) >= steps, processes)
            time.sleep(self.moments.uniform(0, self.step))
        return moment == 5
