"""The quickstart: pre-train a nano EVA, transfer it, compare with training from scratch, report.

    python projects/quickstart/run.py            # what `make quickstart` runs

One seed, each task from MIM and from scratch. Running it again goes on where it stopped.
"""

import argparse
import json
import os
import time
from pathlib import Path

from plan import DATA, STUDENT, STUDY, TEACHER, foundation, task_step
from report import write_report
from results import last
from steps import run_all, run_side_by_side
from tasks import TASKS


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--out', type=Path, default='work_dirs/quickstart', help='where everything goes')
    parser.add_argument(
        '--tasks',
        nargs='+',
        choices=list(TASKS),
        default=[name for name, task in TASKS.items() if task.quick],
        help='default: all but detection_lvis',
    )
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    start = time.monotonic()
    tasks = [TASKS[name] for name in args.tasks]
    later = sum(2 * task.seconds for task in tasks) / (os.cpu_count() or 1)
    steps = foundation(args.out)
    run_all(steps, total=len(steps) + 2 * len(tasks), seconds_after=later)
    pairs = {
        task.name: {
            init: task_step(task, init, args.out / task.name / init, args.out / STUDENT) for init in ('mim', 'scratch')
        }
        for task in tasks
    }
    run_side_by_side([step for pair in pairs.values() for step in pair.values()], done_before=len(steps))

    summary = {
        'tasks': {
            task.name: {
                'metric': task.metric,
                **{init: last(step.folder, task.metric) for init, step in pairs[task.name].items()},
                'seconds': round(sum(step.took() for step in pairs[task.name].values()), 1),
                'peak_gib': round(max(step.peak_gib() for step in pairs[task.name].values()), 2),
            }
            for task in tasks
        },
        'pretrain': {'seconds': {step.title: round(step.took(), 1) for step in steps}},
    }
    (args.out / 'report.json').write_text(json.dumps(summary, indent=2))
    page = write_report(
        args.out, tasks, summary, data=DATA, teacher=args.out / TEACHER, student=args.out / STUDENT, study=STUDY
    )
    for name, row in summary['tasks'].items():
        print(f'{name}: {row["metric"]} {row["mim"]:.2f} from MIM, {row["scratch"]:.2f} from scratch')
    print(f'{(time.monotonic() - start) / 60:.1f} min; the report with pictures is {page}')


if __name__ == '__main__':
    main()
