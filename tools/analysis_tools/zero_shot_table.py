"""Zero-shot accuracy of an EVA-CLIP on the paper's 12 benchmarks, with their average and the robustness gap.

    python tools/analysis_tools/zero_shot_table.py eva_clip_psz14.pt --out work_dirs/zero-shot [--sets all]

Runs tools/test.py with configs/clip/zero-shot_*.py, one after the other; a set that is done is not run again. Writes
one json file for each set, and table.md. The average is that of all 12 numbers (75.7 in table 10 of the paper), the gap
is ImageNet-1K minus the mean of ImageNet-1K, V2, A, R, Sketch and ObjectNet. `--sets all` adds the other 19 sets of
images in the release's clip/benchmark.md, and the average of its 27 (71.43 there).
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

from eva_mm.apis import UserError, user_errors

ROOT = Path(__file__).parents[2]
# config -> what is shown, and its metric
SETS = {
    'in1k': ('ImageNet-1K', 'zero-shot/top1'),
    'in-v2': ('ImageNet-V2', 'robustness/imagenet-v2/top1'),
    'in-a': ('ImageNet-A', 'robustness/imagenet-a/top1'),
    'in-r': ('ImageNet-R', 'robustness/imagenet-r/top1'),
    'in-sketch': ('ImageNet-Sketch', 'robustness/imagenet-sketch/top1'),
    'objectnet': ('ObjectNet', 'zero-shot/top1'),
    'cifar10': ('CIFAR-10', 'zero-shot/top1'),
    'cifar100': ('CIFAR-100', 'zero-shot/top1'),
    'ucf101': ('UCF-101', 'zero-shot/top1'),
    'k400': ('Kinetics-400', 'zero-shot/mean'),
    'k600': ('Kinetics-600', 'zero-shot/mean'),
    'k700': ('Kinetics-700', 'zero-shot/mean'),
    'sun397': ('SUN397', 'zero-shot/top1'),
    'voc2007': ('VOC 2007', 'zero-shot/top1'),
    'birdsnap': ('Birdsnap', 'zero-shot/top1'),
    'caltech101': ('Caltech-101', 'zero-shot/top1'),
    'cars': ('Stanford Cars', 'zero-shot/top1'),
    'country211': ('Country211', 'zero-shot/top1'),
    'dtd': ('Describable Textures', 'zero-shot/top1'),
    'eurosat': ('EuroSAT', 'zero-shot/top1'),
    'fer2013': ('FER 2013', 'zero-shot/top1'),
    'aircraft': ('FGVC Aircraft', 'zero-shot/top1'),
    'flowers': ('Oxford Flowers 102', 'zero-shot/top1'),
    'food101': ('Food-101', 'zero-shot/top1'),
    'gtsrb': ('GTSRB', 'zero-shot/top1'),
    'mnist': ('MNIST', 'zero-shot/top1'),
    'pets': ('Oxford-IIIT Pets', 'zero-shot/top1'),
    'stl10': ('STL-10', 'zero-shot/top1'),
    'resisc45': ('RESISC45', 'zero-shot/top1'),
    'pcam': ('PatchCamelyon', 'zero-shot/top1'),
    'renderedsst2': ('Rendered SST-2', 'zero-shot/top1'),
}
VIDEOS = ('ucf101', 'k400', 'k600', 'k700')
IMAGES = tuple(name for name in SETS if name not in VIDEOS)
PAPER = ('in1k', 'in-v2', 'in-a', 'in-r', 'in-sketch', 'objectnet', 'cifar10', 'cifar100', *VIDEOS)
ROBUSTNESS = ('in1k', 'in-v2', 'in-a', 'in-r', 'in-sketch', 'objectnet')


def evaluate(name: str, checkpoint: str, configs: Path, out: Path, options: list[str]) -> float:
    """The number of one set, from its file if that exists.

    Raises:
        UserError: The evaluation failed.
    """
    metrics = out / f'{name}.json'
    if not metrics.is_file():
        config = str(configs / f'zero-shot_{name}.py')
        command = [sys.executable, str(ROOT / 'tools' / 'test.py'), config, checkpoint, '--out', str(metrics)]
        command += ['--work-dir', str(out / name), *(['--cfg-options', *options] if options else [])]
        if subprocess.run(command).returncode != 0:
            raise UserError(f'{config} failed, see above; leave it out with --sets, or mend it and run again.')
    return json.loads(metrics.read_text())[SETS[name][1]]


def summary(scores: dict[str, float]) -> dict[str, float]:
    """Averages of the paper's sets and the release's, and the robustness gap; each if all of its sets are there."""
    rows = {}
    for names in (PAPER, IMAGES):
        if set(names) <= set(scores):
            rows[f'average of {len(names)}'] = sum(scores[name] for name in names) / len(names)
    if set(ROBUSTNESS) <= set(scores):
        rows['robustness gap'] = scores['in1k'] - sum(scores[name] for name in ROBUSTNESS) / len(ROBUSTNESS)
    return rows


def table(scores: dict[str, float]) -> str:
    """A Markdown table."""
    rows = {SETS[name][0]: score for name, score in scores.items()} | summary(scores)
    lines = [
        '| Benchmark | Accuracy (%) |',
        '|---|---|',
        *(f'| {name} | {value:.2f} |' for name, value in rows.items()),
    ]
    return '\n'.join(lines) + '\n'


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('checkpoint', help='released EVA-CLIP, or one of our runs')
    parser.add_argument('--out', type=Path, default=Path('work_dirs/zero-shot'), help='folder to write to')
    parser.add_argument('--configs', type=Path, default=ROOT / 'configs' / 'clip', help='folder of zero-shot_*.py')
    parser.add_argument(
        '--sets', nargs='+', choices=[*SETS, 'all'], default=PAPER, metavar='SET', help="or 'all'; the paper's 12"
    )
    parser.add_argument(
        '--cfg-options', nargs='+', action='extend', default=[], metavar='KEY=VALUE', help='for all configs'
    )
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    with user_errors(UserError, OSError, KeyError):
        if not Path(args.checkpoint).exists():
            raise UserError(f'There is no checkpoint {args.checkpoint}: give the file of an EVA-CLIP.')
        args.out.mkdir(parents=True, exist_ok=True)
        sets = list(SETS) if 'all' in args.sets else args.sets
        scores = {name: evaluate(name, args.checkpoint, args.configs, args.out, args.cfg_options) for name in sets}
        (args.out / 'table.md').write_text(table(scores))
    print(table(scores), end='')


if __name__ == '__main__':
    main()
