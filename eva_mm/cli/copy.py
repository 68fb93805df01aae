"""``eva-mm copy``: a shipped config to edit."""

import argparse

DESCRIPTION = """\
Copy a shipped config to a file of your own, to edit it. It trains from any directory.

    eva-mm copy eva-l-p14_in1k-196px my_config.py
    eva-mm train my_config.py
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """From where to where."""
    parser.add_argument('config', help='name of a shipped config (eva-mm list)')
    parser.add_argument('file', help='.py file to write; it must not exist')


def run(args: argparse.Namespace) -> None:
    """Copy."""
    from eva_mm.apis.copy_config import copy_config
    from eva_mm.apis.errors import user_errors

    with user_errors():
        copy_config(args.config, args.file)
    print(f'Written: {args.file}. Next: eva-mm train {args.file}')
