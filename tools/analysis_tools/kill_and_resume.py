"""Kill a nano training of any task at random moments, resume it each time, and compare with an uninterrupted run.

    python tools/analysis_tools/kill_and_resume.py                                  # plain fp32, one process
    python tools/analysis_tools/kill_and_resume.py --config configs/nano/detection.py --kills 20
    python tools/analysis_tools/kill_and_resume.py --processes 2 --config configs/nano/pretrain_deepspeed.py

Makes a small nano world and, for pre-training, a teacher of random weights; trains once without interruption, and then
again and again until the given number of kills is reached and the last of these runs is through. Every loss that any
process of a killed run has seen, and all weights and optimizer states at the end of each run, must equal those of the
first run bit for bit, and after each kill the checkpoint to go on from must be no older than before. Of six kills one
comes while a run starts, one while a checkpoint is written, and three within twelve iterations; one is SIGTERM to all
processes and their workers, after which no iteration may be lost. Runs are forked from one process that has imported
everything, so a start costs a second; each goes through what tools/train.py does. Exit code 1 if anything differs.
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
    parser.add_argument('--work-dir', help='new folder that keeps the runs (default: a temporary one)')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    # after the arguments are known: torch and the hosts take seconds to import
    import torch
    from forked_training import ForkedTraining, preload
    from killed_inputs import enter_inputs
    from killed_training import Experiment

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(args.work_dir or temporary).absolute()
        config = str(Path(args.config).absolute())
        preload(config)
        options = enter_inputs(folder / 'inputs', config, args.processes, args.epochs, args.save_every)
        experiment = Experiment(ForkedTraining(config, args.processes, options), folder, args.seed)
        experiment.train_whole()
        counts = experiment.counts
        while counts['kills'] < args.kills:
            experiment.train_killed(args.kills)
            experiment.compare()
    print(
        f'{Path(args.config).stem}: {counts["kills"]} kills ({counts["while writing"]} while a checkpoint was written, '
        f'{counts["before the first step"]} before the first step, {counts["by SIGTERM"]} by SIGTERM to all processes, '
        f'of which {counts["not saved"]} were not saved) in {counts["runs"]} runs: '
        f'{counts["lost checkpoints"]} checkpoints lost, '
        f'{counts["different losses"]} of {counts["losses"]} losses differ, '
        f'{counts["different tensors"]} of {counts["tensors"]} tensors of weights and optimizer differ.'
    )
    failures = ('different losses', 'different tensors', 'lost checkpoints', 'not saved')
    sys.exit(any(counts[name] for name in failures))


if __name__ == '__main__':
    main()
