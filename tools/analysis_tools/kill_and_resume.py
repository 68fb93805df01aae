"""Kill a nano pre-training with SIGKILL at random moments, resume it each time, and compare with an uninterrupted run.

    python tools/analysis_tools/kill_and_resume.py                                  # plain fp32, one process
    python tools/analysis_tools/kill_and_resume.py --processes 2 --config configs/nano/pretrain_deepspeed.py

Makes noise images and a teacher of random weights, trains once without interruption, and then again and again until the
given number of kills is reached and the last of these runs is through. Every loss that any process of a killed run has
seen, and all weights and optimizer states at the end of each run, must equal those of the first run bit for bit. Of
five kills one comes while a run starts, one while a checkpoint is written, and three within twelve iterations. Runs are
forked from one process that has imported everything, so a start costs a second; each goes through what tools/train.py
does. Exit code 1 if anything differs.
"""

import argparse
import sys
import tempfile
from pathlib import Path


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--config', default='configs/nano/pretrain.py')
    parser.add_argument('--processes', type=int, default=1)
    parser.add_argument('--kills', type=int, default=50)
    parser.add_argument('--seed', type=int, default=0, help='of the moments')
    parser.add_argument('--epochs', type=int, default=10, help='of 12 iterations')
    parser.add_argument('--save-every', type=int, default=5, help='iterations between checkpoints')
    parser.add_argument('--work-dir', help='keep the runs here (default: a temporary folder)')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    # after the arguments are known: torch and the hosts take seconds to import
    import torch
    from forked_training import ForkedTraining, preload
    from killed_training import Experiment

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(args.work_dir or temporary).absolute()
        preload(args.config)
        training = ForkedTraining(args.config, args.processes, args.epochs, args.save_every, folder / 'inputs')
        experiment = Experiment(training, folder, args.seed)
        experiment.train_whole()
        counts = experiment.counts
        while counts['kills'] < args.kills:
            experiment.train_killed(args.kills)
            experiment.compare()
    print(
        f'{counts["kills"]} kills ({counts["while writing"]} while a checkpoint was written, '
        f'{counts["before the first step"]} before the first step) in {counts["runs"]} runs: '
        f'{counts["different losses"]} of {counts["losses"]} losses differ, '
        f'{counts["different tensors"]} of {counts["tensors"]} tensors of weights and optimizer differ.'
    )
    sys.exit(bool(counts['different losses'] or counts['different tensors']))


if __name__ == '__main__':
    main()
