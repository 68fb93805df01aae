"""``eva-mm new-config`` and ``tools/misc/new_config.py``."""

import argparse
import sys

from eva_mm.tasks import TASKS

DESCRIPTION = 'Inspect your data and write a short config that inherits a shipped one and gives its reasons.'

RECIPES = {name: task.recipes for name, task in TASKS.items() if task.recipes}
SIZES = tuple(dict.fromkeys(size for recipes in RECIPES.values() for size in recipes))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What a config depends on; whatever is missing is asked for."""
    parser.add_argument('--task', choices=list(RECIPES))
    parser.add_argument('--size', choices=SIZES, help='size of the model')
    parser.add_argument('--data-root', help='your data in the format of the task, as for eva-mm train')
    parser.add_argument('--gpu-memory', type=float, help='GiB of one GPU')
    parser.add_argument('--gpus', type=int, help='number of GPUs')
    parser.add_argument('--out', help='the config to write, for instance my_config.py')


def ask(args: argparse.Namespace) -> None:
    """Ask for every option that was not given.

    Raises:
        ValueError: stdin is not a terminal, or the answer has another type.
    """
    questions = dict(
        task=(str, f'Task ({", ".join(RECIPES)}): '),
        size=(str, 'Size of the model ({sizes}): '),
        data_root=(str, 'Directory of your data: '),
        gpu_memory=(float, 'Memory of one GPU in GiB: '),
        gpus=(int, 'Number of GPUs: '),
        out=(str, 'Config to write: '),
    )
    for name, (kind, question) in questions.items():
        if getattr(args, name) is None:
            if not sys.stdin.isatty():
                raise ValueError(f'--{name.replace("_", "-")} is missing and stdin is not a terminal: pass it.')
            sizes = ', '.join(RECIPES.get(args.task, SIZES))
            setattr(args, name, kind(input(question.format(sizes=sizes)).strip()))


def run(args: argparse.Namespace) -> None:
    """Write the config and print the reasons."""
    from eva_mm.apis.errors import user_errors

    with user_errors():
        ask(args)
        from eva_mm.apis.planning.new_config import make_config

        made = make_config(args.task, args.size, args.data_root, args.gpu_memory, args.gpus)
        made.write(args.out)
    print('\n'.join(made.reasons))
    print(f'Written: {args.out}. Next: eva-mm train {args.out}')
