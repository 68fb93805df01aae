"""Zero-shot accuracy of an EVA-CLIP on the paper's 12 benchmarks, with their average and the robustness gap.

    python tools/analysis_tools/zero_shot_table.py eva_clip_psz14.pt --out work_dirs/zero-shot

Runs tools/test.py with configs/clip/zero-shot_*.py, one after the other; a set that is done is not run again. Writes
one json file for each set, and table.md. The average is that of all 12 numbers (75.7 in table 10 of the paper), the gap
is ImageNet-1K minus the mean of ImageNet-1K, V2, A, R, Sketch and ObjectNet.
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
}
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
    """Average of all sets, and the robustness gap; each only if all of its sets are there."""
    rows = {}
    if set(SETS) <= set(scores):
        rows['average of 12'] = sum(scores[name] for name in SETS) / len(SETS)
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
    parser.add_argument('--sets', nargs='+', choices=list(SETS), default=list(SETS), metavar='SET')
    parser.add_argument('--cfg-options', nargs='+', default=[], metavar='KEY=VALUE', help='for all configs')
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    with user_errors(UserError, OSError, KeyError):
        if not Path(args.checkpoint).exists():
            raise UserError(f'There is no checkpoint {args.checkpoint}: give the file of an EVA-CLIP.')
        args.out.mkdir(parents=True, exist_ok=True)
        scores = {name: evaluate(name, args.checkpoint, args.configs, args.out, args.cfg_options) for name in args.sets}
        (args.out / 'table.md').write_text(table(scores))
    print(table(scores), end='')


if __name__ == '__main__':
    main()
