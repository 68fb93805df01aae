"""Memory of EVA's detection trunk with its feature pyramid, counted without running it, and checked where it fits.

    python projects/benchmarks/measure_detector_memory.py --img-sizes 1024 1280 1536 --out detector_memory.json
    python projects/benchmarks/measure_detector_memory.py --check --arch base --depth 4 --img-sizes 512 768 1024

The account lets the real modules run on the meta device in half precision and adds up the tensors that live at a time,
for inference and for a training step with activation checkpointing (weights' gradients included). Region heads come on
top. --check compares it in fp32 with the peak of the resident set, in a process for each size.
"""

import argparse
import json
from pathlib import Path


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--arch', default='giant')
    parser.add_argument('--depth', type=int, help='fewer blocks than the arch has')
    parser.add_argument('--img-sizes', type=int, nargs='+', default=[1024, 1280, 1536])
    parser.add_argument('--frozen-stages', type=int, default=-1, help='blocks that are not trained')
    parser.add_argument('--check', action='store_true', help='measure on this CPU as well')
    parser.add_argument('--out', type=Path, help='json file')
    return parser.parse_args(argv)


def show(report: dict) -> None:
    """Print the table."""
    for row in report['rows']:
        line = f'{row["img_size"]:5d} pixels, {row["mode"]:8s} weights {row["weight_bytes"] / 2**30:6.2f} GiB'
        line += f', beyond them {row["peak_bytes"] / 2**30:6.2f} GiB'
        if 'optimizer_bytes' in row:
            states = ', '.join(f'{name} {size / 2**30:.2f}' for name, size in row['optimizer_bytes'].items())
            line += f'; optimizer states in GiB: {states}'
        if 'measured_bytes' in row:
            line += f', measured {row["measured_bytes"] / 2**30:6.2f} GiB'
            line += f', account / measured {row["peak_bytes"] / row["measured_bytes"]:.3f}'
        print(line)


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    # after the arguments are known: torch takes seconds to import
    from benchmarking.detector_memory import rows
    from benchmarking.machine import describe

    report = {'machine': describe('cpu'), 'rows': rows(args)}
    show(report)
    if args.out:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(json.dumps(report, indent=1) + '\n')


if __name__ == '__main__':
    main()
