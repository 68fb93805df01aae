"""Options that ``train`` and ``test`` share."""

import argparse
import os


def add_cfg_options(parser: argparse.ArgumentParser) -> None:
    """``--cfg-options``, which every verb with a config has."""
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action='extend',
        metavar='KEY=VALUE',
        help='override keys of the config, as a.b=c, a="[x, y]" or a="dict(b=c)"; may be given several times',
    )


def add_weights_option(parser: argparse.ArgumentParser) -> None:
    """``--weights``, which every verb that reads a checkpoint has."""
    parser.add_argument(
        '--weights',
        choices=['auto', 'raw', 'averaged'],
        default='auto',
        help='which weights of a checkpoint that holds those in training and their average',
    )


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """Options of a run of a config, whatever it does."""
    parser.add_argument('--data-root', help='your own data in the format of the task, with its own classes')
    parser.add_argument('--work-dir', help='directory of logs and results (default: work_dirs/<config name>)')
    add_cfg_options(parser)
    add_weights_option(parser)
    parser.add_argument('--launcher', choices=['none', 'pytorch', 'slurm', 'mpi'], default='none')
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0, help=argparse.SUPPRESS)


def take_local_rank(args: argparse.Namespace) -> None:
    """Older launchers pass the rank as an option, newer ones in the environment."""
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
