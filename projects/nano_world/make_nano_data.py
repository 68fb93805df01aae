"""Write one small world of real pixels in the on-disk formats of the real data sets.

    python projects/nano_world/make_nano_data.py data/nano

Under a minute; handwritten digits on photographs, all from installed packages, as:

    unlabelled/   images for masked image modelling      coco/      COCO and LVIS v1 annotations
    imagenet/     wnid folders and meta lists            ade/       images and label maps
    robustness/   V2, ReaL, A, R, Sketch, ObjectNet      kinetics/  videos and mmaction2 lists
    clip/         webdataset shards of image and text    preview.png, classes.txt, world.json

The same arguments give the same files; a folder that is complete is left alone.
"""

import argparse
import os
import sys
from pathlib import Path
from typing import NoReturn


class OneSentenceParser(argparse.ArgumentParser):
    """A parser that answers a wrong command line with one sentence."""

    def error(self, message: str) -> NoReturn:
        """Print the sentence and end with exit code 2."""
        self.exit(2, f'{self.prog}: {message}; see --help.\n')


def parse_arguments(argv: list[str] | None, sets: list[str]) -> argparse.Namespace:
    """Read and check the command line."""
    parser = OneSentenceParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('out', type=Path, help='new or empty folder')
    parser.add_argument('--seed', type=int, default=0, help='default 0')
    parser.add_argument('--scale', type=float, default=1.0, help='factor on the size of every set, default 1')
    parser.add_argument(
        '--only',
        nargs='+',
        choices=sets,
        default=sets,
        metavar='SET',
        help=f'some of: {" ".join(sets)}',
    )
    parser.add_argument('--jobs', type=int, default=os.cpu_count() or 1, help='processes, default one per core')
    arguments = parser.parse_args(argv)
    if arguments.seed < 0:
        parser.error(f'--seed was {arguments.seed}, but must be 0 or more')
    if not 0 < arguments.scale <= 100:
        parser.error(f'--scale was {arguments.scale}, but must be above 0 and at most 100')
    if arguments.jobs < 1:
        parser.error(f'--jobs was {arguments.jobs}, but must be 1 or more')
    return arguments


def main(argv: list[str] | None = None) -> int:
    """Run the tool; returns the exit code."""
    try:
        from nano_world.build import SETS, build
        from nano_world.manifest import Arguments, OccupiedError
        from nano_world.sources import SourceError
    except ModuleNotFoundError as error:
        print(
            f'The nano world needs the package {error.name}: run pip install -r requirements.txt.',
            file=sys.stderr,
        )
        return 1
    arguments = parse_arguments(argv, list(SETS))
    only = [name for name in SETS if name in arguments.only]
    try:
        made = build(arguments.out, Arguments(arguments.seed, arguments.scale, only), arguments.jobs)
    except OccupiedError as error:
        print(error, file=sys.stderr)
        return 2
    except (SourceError, OSError) as error:
        print(f'The nano world could not be written: {error}', file=sys.stderr)
        return 1
    if not made:
        print(f'{arguments.out} is already complete: nothing to do.')
    return 0


if __name__ == '__main__':
    sys.exit(main())
