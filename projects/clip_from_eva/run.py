"""Does a CLIP learn better from EVA? Train nano CLIPs from EVA's weights and from scratch on equally many samples.

    python projects/clip_from_eva/run.py --eva CHECKPOINT          # of nano pre-training, see the quickstart
    python projects/clip_from_eva/run.py --eva CHECKPOINT --amp    # on a GPU: in fp16, as EVA-CLIP was trained

Writes table.md, curves.png and result.json to --out. Running it again goes on where it stopped.
"""

import argparse
import json
import math
import statistics
import subprocess
import sys
from pathlib import Path

import matplotlib

matplotlib.use('Agg')
from matplotlib import pyplot as plt  # noqa: E402

CONFIG = 'configs/nano/clip.py'
INITS = {'eva': ('from EVA', '#0b6e4f'), 'scratch': ('from scratch', '#b5651d')}
ACCURACY = 'zero-shot/top1'
POINTS = 10
# a spike is a loss this many standard deviations above the mean of as many losses before it
SPIKE_SIGMAS, SPIKE_WINDOW = 4.0, 20


def count_spikes(losses: list[float], sigmas: float = SPIKE_SIGMAS, window: int = SPIKE_WINDOW) -> int:
    """How often a loss jumps out of those before it; a loss that is no number is a spike, too."""
    spikes, before = 0, []
    for loss in losses:
        if not math.isfinite(loss):
            spikes += 1
            continue
        if len(before) == window:
            spikes += loss > statistics.mean(before) + sigmas * statistics.pstdev(before)
        before = [*before, loss][-window:]
    return spikes


def records(folder: Path) -> list[dict]:
    """What mmengine logged, a resumed run included."""
    files = sorted(folder.glob('*/vis_data/scalars.json'))
    return [json.loads(line) for file in files for line in file.read_text().splitlines() if line.strip()]


def train(init: str, seed: int, args: argparse.Namespace) -> Path:
    """Train one model unless that was done before.

    Returns:
        Its work dir.
    """
    folder = args.out / f'{init}-{seed}'
    if (folder / 'done').exists():
        return folder
    interval = max(1, args.iters // POINTS)
    start = f'init_cfg.checkpoint={args.eva}' if init == 'eva' else 'init_cfg=None'
    options = [
        f'model.visual.{start}',
        f'train_cfg.max_iters={args.iters}',
        f'train_cfg.val_interval={interval}',
        f'default_hooks.checkpoint.interval={interval}',
        'default_hooks.logger.interval=1',
        f'train_dataloader.batch_size={args.batch_size}',
        f'train_dataloader.dataset.seed={seed}',
    ]
    command = [sys.executable, 'tools/train.py', CONFIG, '--work-dir', str(folder), '--seed', str(seed), '--resume']
    command += [*(['--amp'] if args.amp else []), '--cfg-options', *options]
    folder.mkdir(parents=True, exist_ok=True)
    print('training', folder.name, flush=True)
    with (folder / 'log.txt').open('a') as log:
        code = subprocess.run(command, stdout=log, stderr=log).returncode
    if code:
        sys.exit(f'error: training failed with exit code {code}; see {folder / "log.txt"}.')
    (folder / 'done').touch()
    return folder


def measure(folder: Path) -> dict:
    """Loss of every step, accuracy at every validation, and the number of spikes."""
    logged = records(folder)
    losses = [(record['step'], record['loss']) for record in logged if 'loss' in record]
    accuracies = [(record['step'], record[ACCURACY]) for record in logged if ACCURACY in record]
    return dict(losses=losses, accuracies=accuracies, spikes=count_spikes([loss for _, loss in losses]))


def plot(results: dict[str, list[dict]], batch_size: int, file: Path) -> None:
    """Loss and accuracy against samples seen, one line for each seed."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4), layout='constrained')
    for init, runs in results.items():
        name, colour = INITS[init]
        for seed, run in enumerate(runs):
            style = dict(color=colour, alpha=0.7, label=name if seed == 0 else None)
            left.plot(*zip(*((step * batch_size, loss) for step, loss in run['losses'])), linewidth=0.6, **style)
            right.plot(*zip(*((step * batch_size, value) for step, value in run['accuracies'])), marker='.', **style)
    left.set_ylabel('contrastive loss')
    right.set_ylabel('zero-shot top-1 (%)')
    for axes in (left, right):
        axes.set_xlabel('samples seen')
        axes.grid(alpha=0.3)
    right.legend()
    figure.savefig(file, dpi=120)
    plt.close(figure)


def table(results: dict[str, list[dict]]) -> str:
    """A Markdown table with every seed."""
    seeds = range(len(next(iter(results.values()))))
    lines = ['| Start | ' + ' | '.join(f'seed {seed}' for seed in seeds) + ' | mean top-1 (%) | loss spikes |']
    lines.append('|---' * (len(seeds) + 3) + '|')
    for init, runs in results.items():
        finals = [run['accuracies'][-1][1] for run in runs]
        cells = [*(f'{value:.1f}' for value in finals), f'{statistics.mean(finals):.1f}']
        lines.append('| ' + ' | '.join([INITS[init][0], *cells, str(sum(run['spikes'] for run in runs))]) + ' |')
    return '\n'.join(lines) + '\n'


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--eva', type=Path, required=True, help='checkpoint of nano pre-training')
    parser.add_argument('--out', type=Path, default=Path('work_dirs/clip_from_eva'))
    parser.add_argument('--seeds', type=int, default=3)
    parser.add_argument('--iters', type=int, default=1000)
    parser.add_argument('--batch-size', type=int, default=128)
    parser.add_argument('--amp', action='store_true', help='fp16, on a GPU')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    if not args.eva.is_file():
        sys.exit(f'error: there is no checkpoint {args.eva}: run `make quickstart` first, or give --eva.')
    results = {init: [measure(train(init, seed, args)) for seed in range(args.seeds)] for init in INITS}
    (args.out / 'result.json').write_text(json.dumps(results))
    (args.out / 'table.md').write_text(table(results))
    plot(results, args.batch_size, args.out / 'curves.png')
    print(table(results), end='')


if __name__ == '__main__':
    main()
