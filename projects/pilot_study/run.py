"""Compare three targets of pre-training in the nano world: a table with every seed and a plot.

    python projects/pilot_study/run.py                     # quickstart first: it makes the data and the teacher

Each target pre-trains one student; each student is fine-tuned on 200 labelled images with three seeds, and so is one
that was not pre-trained. Running it again goes on where it stopped.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

import matplotlib

matplotlib.use('Agg')
from matplotlib import pyplot as plt  # noqa: E402

HERE = Path(__file__).parent
TARGETS = {
    'regress': 'regress hidden\nCLIP features',
    'tokenise': 'classify hidden\npatches into codes',
    'distil': 'regress all CLIP\nfeatures, no mask',
    'scratch': 'no pre-training',
}
CODES, IMAGES = 256, 2000
METRIC = 'accuracy/top1'


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--teacher', type=Path, default='work_dirs/quickstart/teacher', help='folder of the nano CLIP')
    parser.add_argument('--out', type=Path, default='work_dirs/pilot_study', help='where everything goes')
    parser.add_argument('--seeds', type=int, default=3)
    parser.add_argument('--epochs', type=int, default=20, help='of pre-training')
    return parser.parse_args()


def run(command: list[str], folder: Path) -> None:
    """Run a command unless it was done before; its output goes to ``folder/log.txt``."""
    mark = folder / 'done'
    if mark.exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    path = os.pathsep.join(filter(None, (str(HERE), os.environ.get('PYTHONPATH'))))
    print('running', ' '.join(command), flush=True)
    with open(folder / 'log.txt', 'a') as log:
        code = subprocess.run(
            [sys.executable, *command], stdout=log, stderr=log, env={**os.environ, 'PYTHONPATH': path}
        ).returncode
    if code:
        sys.exit(f'error: the step failed with exit code {code}; see {folder / "log.txt"}.')
    mark.touch()


def train(config: str, folder: Path, seed: int, *options: str) -> None:
    command = ['tools/train.py', config, '--work-dir', str(folder), '--seed', str(seed), '--resume']
    run([*command, '--cfg-options', *options], folder)


def pretrain(target: str, args: argparse.Namespace) -> Path:
    """Pre-train with a target; give the checkpoint."""
    folder, codebook = args.out / target, args.out / 'codebook.pt'
    teacher = f'model.target_generator.model=local-dir:{args.teacher}'
    if target == 'tokenise':
        config = str(HERE / 'configs' / 'nano_regress.py')
        sizes = ['--codes', str(CODES), '--images', str(IMAGES), '--cfg-options', teacher]
        run([str(HERE / 'make_codebook.py'), config, str(codebook), *sizes], args.out / 'codebook')
    options = [teacher, f'train_cfg.max_epochs={args.epochs}', f'train_cfg.val_interval={args.epochs}']
    if target == 'tokenise':
        options.append(f'model.head.codebook={codebook}')
    train(str(HERE / 'configs' / f'nano_{target}.py'), folder, 0, *options)
    return Path((folder / 'last_checkpoint').read_text().strip())


def last_metric(folder: Path) -> float:
    """The last value that mmengine logged."""
    lines = [json.loads(line) for file in sorted(folder.glob('*/vis_data/scalars.json')) for line in open(file)]
    return [line[METRIC] for line in lines if METRIC in line][-1]


def fine_tune(target: str, args: argparse.Namespace) -> list[float]:
    """Top-1 of every seed."""
    if target == 'scratch':
        # the release freezes the patch embedding in fine-tuning; from scratch it has to learn
        start = ('model.backbone.init_cfg=None', 'model.backbone.patch_grad_scale=1.0')
    else:
        start = (f'model.backbone.init_cfg.checkpoint={pretrain(target, args)}',)
    values = []
    for seed in range(args.seeds):
        folder = args.out / f'{target}-finetune-{seed}'
        train('configs/nano/classification.py', folder, seed, *start)
        values.append(last_metric(folder))
    return values


def plot(values: dict[str, list[float]], file: Path) -> None:
    figure, axes = plt.subplots(figsize=(6, 3.2), layout='constrained')
    for position, numbers in enumerate(values.values()):
        mean = statistics.mean(numbers)
        axes.bar(position, mean, width=0.6, color='#0b6e4f' if position == 0 else '#b5651d', alpha=0.75)
        axes.plot([position] * len(numbers), numbers, 'ko', markersize=4)
        axes.text(position, mean, f' {mean:.1f}', ha='left', va='bottom')
    axes.set_xticks(range(len(values)), [TARGETS[target] for target in values], fontsize=8)
    axes.set_ylabel('top-1 (%), 200 labelled images')
    figure.savefig(file, dpi=120)
    plt.close(figure)


def main() -> None:
    args = parse_args()
    if not args.teacher.is_dir():
        sys.exit(f'error: there is no teacher {args.teacher}: run `make quickstart` first, or give --teacher.')
    values = {target: fine_tune(target, args) for target in TARGETS}
    print(f'{"target":<12}' + ''.join(f'{"seed " + str(seed):>10}' for seed in range(args.seeds)) + f'{"mean":>10}')
    for target, numbers in values.items():
        print(f'{target:<12}' + ''.join(f'{number:>10.1f}' for number in (*numbers, statistics.mean(numbers))))
    (args.out / 'pilot.json').write_text(json.dumps({'metric': METRIC, 'seeds': values}, indent=2))
    plot(values, args.out / 'pilot.png')
    print(f'table: {args.out / "pilot.json"}, plot: {args.out / "pilot.png"}')


if __name__ == '__main__':
    main()
