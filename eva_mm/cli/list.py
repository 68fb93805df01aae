"""``eva-mm list``: models by name."""

import argparse

DESCRIPTION = 'List models: name, task, released file. Names are accepted wherever a config is.'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to list."""
    parser.add_argument('pattern', nargs='?', help='only names that contain this, or match it with * and ?')
    parser.add_argument('--task', help='only models of this task')


def run(args: argparse.Namespace) -> None:
    """Print a table."""
    from eva_mm.apis.errors import user_errors
    from eva_mm.apis.model_index import list_models, model_index

    with user_errors():
        names = list_models(args.pattern, args.task)
        rows = [(name, model_index()[name].task, model_index()[name].weights or '-') for name in names]
    widths = [max([len(row[column]) for row in rows] + [0]) for column in (0, 1)]
    for name, task, weights in rows:
        print(f'{name:{widths[0]}}  {task:{widths[1]}}  {weights}')
