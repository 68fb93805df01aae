"""Train a nano config for thousands of iterations and watch memory and open files of the run and its workers.

    python tools/analysis_tools/long_training.py --config configs/nano/pretrain.py --iterations 5000

Memory is all that the processes hold and that is not of files; what a worker shares with the process that forked it
counts twice, so that it makes no difference when one of them writes to it. Files are all open descriptors. Both are
summed over the process that trains and its workers. The run is flat if neither has grown from the second tenth of it to
the last; else the exit code is 1.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

ALLOWED_MIB, ALLOWED_FILES = 16.0, 2


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--config', default='configs/nano/pretrain.py')
    parser.add_argument('--iterations', type=int, default=5000)
    parser.add_argument('--save-every', type=int, default=250, help='iterations between checkpoints')
    return parser.parse_args()


def _processes() -> list[int]:
    """This process and its children."""
    children = Path('/proc/self/task').glob('*/children')
    return [os.getpid(), *(int(each) for file in children for each in file.read_text().split())]


def _own_mib(pid: int) -> float:
    """Memory of a process that is not of files, in MiB."""
    lines = Path(f'/proc/{pid}/smaps_rollup').read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith('Anonymous')) / 1024


def measure() -> tuple[float, int]:
    """MiB and open files of the run."""
    memory, files = 0.0, 0
    for pid in _processes():
        try:
            memory += _own_mib(pid)
            files += len(list(Path(f'/proc/{pid}/fd').iterdir()))
        except OSError:  # a worker that has just ended
            continue
    return memory, files


def main() -> None:
    args = parse_args()
    # after the arguments are known: torch and the hosts take seconds to import
    import torch
    from killed_inputs import ITERATIONS_PER_EPOCH, enter_inputs
    from mmengine.hooks import Hook

    from eva_mm.apis.options import TrainOptions, parse_cfg_options
    from eva_mm.apis.train import prepare_training

    class Watch(Hook):
        """Measures twenty times."""

        def __init__(self) -> None:
            self.rows: list[tuple[int, float, int]] = []

        def after_train_iter(self, runner: Any, *_: Any, **__: Any) -> None:
            if (runner.iter + 1) % (args.iterations // 20) == 0:
                self.rows.append((runner.iter + 1, *measure()))
                print('iteration {:6,}: {:8.1f} MiB, {:4} open files'.format(*self.rows[-1]), flush=True)

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        config, epochs = str(Path(args.config).absolute()), -(-args.iterations // ITERATIONS_PER_EPOCH)
        options = enter_inputs(Path(folder) / 'inputs', config, 1, epochs, args.save_every)
        watch = Watch()
        runner = prepare_training(
            TrainOptions(
                config=config,
                work_dir=f'{folder}/run',
                cfg_options=parse_cfg_options([*options, 'default_hooks.logger.interval=50']),
                seed=0,
            )
        )
        runner.logger.handlers[0].setLevel('WARNING')
        runner.register_hook(watch)
        runner.train()
    early, late = watch.rows[2:6], watch.rows[-4:]
    grown = [max(row[column] for row in late) - max(row[column] for row in early) for column in (1, 2)]
    print(
        f'{Path(args.config).stem}: {runner.iter:,} iterations; from the second tenth to the last memory changed by '
        f'{grown[0]:+.1f} MiB and open files by {grown[1]:+d}.'
    )
    sys.exit(grown[0] > ALLOWED_MIB or grown[1] > ALLOWED_FILES)


if __name__ == '__main__':
    main()
