"""``eva-mm list``: models by name, and the licences of weights."""

import argparse
from collections.abc import Sequence

DESCRIPTION = """\
List models: name, task, released file and its licence. Names are accepted wherever a config is.

Without a pattern or a task, the licences of the other families whose weights load follow.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to list."""
    parser.add_argument('pattern', nargs='?', help='only names that contain this, or match it with * and ?')
    parser.add_argument('--task', help='only models of this task')


def _table(rows: Sequence[tuple[str, ...]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows)]
    return '\n'.join('  '.join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows)


def run(args: argparse.Namespace) -> None:
    """Print a table, or two."""
    from eva_mm.apis.errors import user_errors
    from eva_mm.apis.model_index import list_models, model_index
    from eva_mm.licences import LICENCES

    with user_errors():
        models = [model_index()[name] for name in list_models(args.pattern, args.task)]
    licences = {licence.source: licence.name for licence in LICENCES}
    print(_table([(m.name, m.task, m.weights or '-', licences.get(m.hub, '') if m.weights else '-') for m in models]))
    if not args.pattern and not args.task:
        rows = [(each.family, ', '.join(each.archs), each.name, each.source) for each in LICENCES]
        print(f'\nLicences of weights, by family and arch:\n{_table(rows)}')
