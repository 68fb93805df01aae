"""Time and peak memory of a backbone against image size, batch and depth, with the exponent of each curve.

    python projects/benchmarks/measure_scaling.py --arch base --depth 2 --out scaling.json
    python projects/benchmarks/measure_scaling.py --arch giant --device cuda --dtype bfloat16 --mode train

Each point is a process of its own. Time is the best of several steps, memory the peak beyond the weights. The exponent
is the slope of a straight line through logarithms, over tokens for the image size: 1 is linear, 2 quadratic.
"""

import argparse
import json
from pathlib import Path

from benchmarking.choices import DTYPES, MODES


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--arch', default='base')
    parser.add_argument('--depth', type=int, default=2, help='blocks where depth is not what varies')
    parser.add_argument('--window-size', type=int, default=0, help='detection backbone with windows of this side')
    parser.add_argument('--img-size', type=int, default=224, help='where image size is not what varies')
    parser.add_argument('--img-sizes', type=int, nargs='+', default=[224, 448, 672, 896])
    parser.add_argument('--batch-sizes', type=int, nargs='+', default=[1, 2, 4, 8])
    parser.add_argument('--depths', type=int, nargs='+', default=[1, 2, 4, 8])
    parser.add_argument('--mode', choices=MODES, default='forward')
    parser.add_argument('--device', default='cpu')
    parser.add_argument('--dtype', choices=DTYPES, default='float32')
    parser.add_argument('--repeats', type=int, default=3)
    parser.add_argument('--out', type=Path, help='json file; a plot of the same name is put beside it')
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    # after the arguments are known: torch takes seconds to import
    from benchmarking.machine import describe
    from benchmarking.plot import plot_scaling
    from benchmarking.scaling import QUANTITIES, measure

    report = {'machine': describe(args.device), 'curves': measure(args)}
    for name, curve in report['curves'].items():
        for x, seconds, peak in zip(curve['x'], curve['seconds'], curve['peak_bytes']):
            print(f'{name:8s}{x:8d}{seconds:10.3f} s{peak / 2**20:10.1f} MiB')
        slopes = curve['exponent']
        print(f'{name:8s}exponent {slopes["seconds"]:.2f} of time, {slopes["peak_bytes"]:.2f} of memory')
    if args.out:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(json.dumps(report, indent=1) + '\n')
        plot_scaling(report, QUANTITIES, args.out.with_suffix('.png'))


if __name__ == '__main__':
    main()
