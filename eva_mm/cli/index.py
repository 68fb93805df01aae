"""``eva-mm index`` and ``tools/dataset_converters/make_merged_index.py``."""

import argparse
import sys
import time
from pathlib import Path

DESCRIPTION = """\
Find, check and index the images of a pre-training set of folders, tar shards and zip files.

    eva-mm index configs/pretrain/eva-g-p14_mim-clip-l_merged30m-224px.py \
        --decode --evaluation imagenet=data/imagenet/val --exclude unreadable duplicate --workers 16

Reads `data_root`, `sources` and `index` of the config's training set and writes that index. Nothing is unpacked.
Without --decode only names and positions are read. Images that are byte for byte in an evaluation set are found by
their SHA-256; the same picture encoded, resized or cropped anew is not. Stopped and started again, it goes on where it
was.

The index holds images.bin, containers.bin, text.bin and index.json, report.json with all counts, and findings.csv with
each unreadable, odd or duplicate image.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command line."""
    parser.add_argument('config', nargs='?', help='config whose train_dataloader.dataset is eva_mm.MergedImages')
    parser.add_argument('--data-root', help='instead of that of the config: what all paths are relative to')
    parser.add_argument('--sources', nargs='+', metavar='NAME=PATH', help='instead of those of the config')
    parser.add_argument('--index', help='instead of that of the config: folder to write, below the data root')
    parser.add_argument('--decode', action='store_true', help='decode every image')
    parser.add_argument('--evaluation', nargs='+', default=[], metavar='NAME=PATH', help='sets to find copies of')
    parser.add_argument(
        '--exclude',
        nargs='+',
        default=[],
        metavar='KIND',
        help='leave out of the index: unreadable, duplicate, tiny, elongated, cmyk, animated, ...',
    )
    parser.add_argument('--workers', type=int, default=1, help='processes')
    parser.add_argument('--restart', action='store_true', help='do not go on with an unfinished index')


def _pairs(options: list[str], name: str) -> dict[str, str]:
    wrong = next((option for option in options if '=' not in option), None)
    if wrong is not None:
        raise ValueError(f'--{name} got {wrong!r}, expected NAME=PATH.')
    return dict(option.split('=', 1) for option in options)


def read_options(args: argparse.Namespace) -> tuple[str, dict[str, str], str]:
    """Data root, sources and index: the options, or what the config has.

    Raises:
        ValueError: One of them is in neither.
    """
    from eva_mm.apis.config import load_config

    dataset = load_config(args.config).train_dataloader.dataset if args.config else {}
    root = args.data_root or dataset.get('data_root') or '.'
    sources = _pairs(args.sources, 'sources') if args.sources else dict(dataset.get('sources') or {})
    index = args.index or dataset.get('index')
    if not sources or not index:
        raise ValueError('There are no sources or no index: give a config that has them, or --sources and --index.')
    return root, sources, index


def show_progress(begin: float, before: int, done: int, total: int, images: int) -> None:
    """One line for a second or more of work: how far, how fast, how long still."""
    elapsed = time.monotonic() - begin
    left = elapsed / done * (total - before - done)
    end = '\n' if before + done == total else '\r'
    print(
        f'{before + done}/{total} containers, {images:,} images, {elapsed:.0f} s, about {left:.0f} s left   ',
        end=end,
        file=sys.stderr,
        flush=True,
    )


def run(args: argparse.Namespace) -> None:
    """Run it."""
    # after the arguments are known: torch takes seconds to import
    from eva_mm.apis import user_errors
    from eva_mm.datasets.merged.build import build_index, table
    from eva_mm.datasets.merged.examine import EvaluationSets, Examiner, check_exclusions

    with user_errors():
        root, sources, index = read_options(args)
        exclude = check_exclusions(args.exclude)
        evaluation = EvaluationSets.read('.', _pairs(args.evaluation, 'evaluation'))
        examiner = Examiner(root, args.decode, evaluation, exclude=exclude)
        begin = time.monotonic()
        try:
            report = build_index(
                Path(root) / index,
                sources,
                examiner,
                args.workers,
                args.restart,
                lambda *numbers: show_progress(begin, *numbers),
            )
        except KeyboardInterrupt:
            raise ValueError('Stopped: the same command goes on where it was.') from None
    print(table(report))
    print(f'The index is {Path(root) / index}; findings.csv and report.json are in it.')
