"""Three seeds of a task, both initialisations, a longer schedule: a table with every seed and a plot.

    python projects/quickstart/study.py classification      # what `make study TASK=classification` runs

Data are those of the quickstart; teacher and student are trained longer, once for all tasks. Running it again goes on
where it stopped.
"""

import argparse
import json
import os
import statistics
from pathlib import Path

import matplotlib
from plan import DATA, STUDENT, STUDY, study_foundation, task_step
from results import last
from steps import run_all, run_side_by_side
from tasks import TASKS

matplotlib.use('Agg')
from matplotlib import pyplot as plt  # noqa: E402

INITS = ('mim', 'scratch')


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('task', choices=list(TASKS))
    parser.add_argument('--seeds', type=int, default=3)
    parser.add_argument('--out', type=Path, default=STUDY, help='where everything goes')
    return parser.parse_args()


def _plot(values: dict[str, list[float]], label: str, file: Path) -> None:
    figure, axes = plt.subplots(figsize=(4.5, 3.2), layout='constrained')
    for position, init in enumerate(INITS):
        mean = statistics.mean(values[init])
        axes.bar(position, mean, width=0.6, color=('#0b6e4f', '#b5651d')[position], alpha=0.75)
        axes.plot([position] * len(values[init]), values[init], 'ko', markersize=4)
        axes.text(position, mean, f' {mean:.3g}', ha='left', va='bottom')
    axes.set_xticks(range(len(INITS)), ['from MIM', 'from scratch'])
    axes.set_ylabel(label)
    figure.savefig(file, dpi=120)
    plt.close(figure)


def main() -> None:
    args = parse_args()
    task, root = TASKS[args.task], args.out
    steps = study_foundation(root)
    rest = 2 * args.seeds * task.study_seconds / (os.cpu_count() or 1)
    run_all(steps, total=len(steps) + 2 * args.seeds, seconds_after=rest)
    runs = {
        (init, seed): task_step(
            task,
            init,
            root / task.name / f'{init}-{seed}',
            root / STUDENT,
            seed,
            task.study_options,
            task.study_seconds,
        )
        for seed in range(args.seeds)
        for init in INITS
    }
    run_side_by_side(list(runs.values()), done_before=len(steps))
    values = {init: [last(runs[init, seed].folder, task.metric) for seed in range(args.seeds)] for init in INITS}

    folder = root / task.name
    print(f'\n{task.title}: {task.metric_title}\n{"seed":>6}{"MIM":>10}{"scratch":>10}{"gain":>10}')
    for seed, (mim, scratch) in enumerate(zip(values['mim'], values['scratch'])):
        print(f'{seed:>6}{mim:>10.3f}{scratch:>10.3f}{mim - scratch:>+10.3f}')
    means = {init: statistics.mean(values[init]) for init in INITS}
    print(f'{"mean":>6}{means["mim"]:>10.3f}{means["scratch"]:>10.3f}{means["mim"] - means["scratch"]:>+10.3f}')
    summary = {'task': task.name, 'metric': task.metric, 'data': str(DATA), 'seeds': values, 'mean': means}
    (folder / 'study.json').write_text(json.dumps(summary, indent=2))
    _plot(values, task.metric_title, folder / 'study.png')
    print(f'table: {folder / "study.json"}, plot: {folder / "study.png"}')


if __name__ == '__main__':
    main()
