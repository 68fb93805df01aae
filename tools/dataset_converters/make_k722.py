"""Merge the official annotations of Kinetics-400, 600 and 700 into Kinetics-722.

    python tools/dataset_converters/make_k722.py --csv data/annotations --out data/k722

Reads {k400,k600,k700}_{train,val}.csv, the official files renamed. Writes lists of the same names and k722_{train,val}
.txt, the class names classes_*.txt, and rows_{k400,k600,k700}.txt, which tell the fine-tuning configs the rows of the
722-way classifier; prints how many clips were kept and why others were not.
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from eva_mm.apis import user_errors

if TYPE_CHECKING:
    # the package of data sets takes seconds to import: functions do it, after the arguments are known
    from eva_mm.datasets.k722 import Clip, Kinetics

TEMPLATE = '{dataset}/{split}/{youtube_id}_{start:06d}_{end:06d}.mp4'


def parse_args() -> argparse.Namespace:
    """Options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--csv', type=Path, required=True, help='folder of the six csv files')
    parser.add_argument('--out', type=Path, required=True, help='folder to write to')
    parser.add_argument(
        '--name',
        default=TEMPLATE,
        help='file of a clip, below the folder that holds k400, k600, k700',
    )
    parser.add_argument('--videos', type=Path, help='leave out clips that have no file below this folder')
    parser.add_argument(
        '--as-released',
        action='store_true',
        help="leave validation videos in Kinetics-400's own training list, as the release did",
    )
    return parser.parse_args()


def write_list(kinetics: 'Kinetics', clips: list[tuple['Clip', int]], name: str, args: argparse.Namespace) -> None:
    """Write ``path label`` lines, without clips that have no file if ``--videos`` is given."""
    from eva_mm.datasets.k722 import file_name

    lines = []
    for clip, label in clips:
        path = file_name(clip, args.name)
        if args.videos is not None and not (args.videos / path).is_file():
            kinetics.counts.no_file[name] += 1
            continue
        lines.append(f'{path} {label}\n')
    (args.out / f'{name.replace(" ", "_")}.txt').write_text(''.join(lines))


def main() -> None:
    """Read, merge, write and report."""
    args = parse_args()
    from eva_mm.datasets.k722 import SETS, SPLITS, Kinetics, read_annotations

    with user_errors():
        clips = {
            (name, split): read_annotations(args.csv / f'{name}_{split}.csv', name, split)
            for name in SETS
            for split in SPLITS
        }
        kinetics = Kinetics(clips)
        args.out.mkdir(parents=True, exist_ok=True)
        for split in SPLITS:
            write_list(kinetics, kinetics.merged_list(split), f'k722 {split}', args)
            for name in SETS:
                filter_leaks = not (args.as_released and name == 'k400')
                write_list(kinetics, kinetics.own_list(name, split, filter_leaks), f'{name} {split}', args)
        for name, classes in kinetics.classes.items():
            (args.out / f'classes_{name}.txt').write_text(''.join(f'{label}\n' for label in classes))
        for name in SETS:
            lines = zip(kinetics.rows(name), kinetics.classes[name])
            (args.out / f'rows_{name}.txt').write_text(''.join(f'{row} {label}\n' for row, label in lines))
    for spelling, variants in kinetics.variants():
        print(f'class {spelling!r} is spelt {", ".join(map(repr, variants))}')
    print(', '.join(f'{name} {len(classes)} classes' for name, classes in kinetics.classes.items()))
    print(kinetics.counts.table())


if __name__ == '__main__':
    main()
