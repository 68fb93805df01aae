"""Time and memory of an EVA backbone against what a user would pick instead, in one process, run after run in turn.

    python projects/benchmarks/benchmark.py                                       # EVA-g, 224 pixels, forward
    python projects/benchmarks/benchmark.py --arch large --mode train --batch-size 2
    python projects/benchmarks/benchmark.py --arch large --img-size 1024 --window-size 16 --against plain
    python projects/benchmarks/benchmark.py --config configs/detection/cascade-mask-rcnn_eva-l-p16_lsj-1024_coco.py
    python projects/benchmarks/benchmark.py --device cuda --dtype bfloat16 --batch-size 64 --compiled

Printed and written: images/s; the median over rounds of ours / theirs in images/s; floating point operations per
second, absolute and as a share of what this machine reaches in nothing but the same matrix products; peak memory
beyond the weights, each contender in a process of its own. Weights are random: they change neither time nor memory.
A training step is forward and backward, and with --optimizer fused AdamW, the same for all.
"""

import argparse
import json
from pathlib import Path

from benchmarking.choices import CLOCKS, DTYPES, MODES, OURS, PEERS, Shape

from eva_mm.apis import user_errors


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--arch', default='giant', help='nano, tiny, small, base, large or giant (default)')
    parser.add_argument('--config', help='instead of --arch: the backbone of this config file, against its plain form')
    parser.add_argument('--depth', type=int, help='fewer blocks than the arch has')
    parser.add_argument('--img-size', type=int, help="pixels (default: the config's, or 224)")
    parser.add_argument('--window-size', type=int, default=0, help='detection backbone with windows of this side')
    parser.add_argument('--mode', choices=MODES, default='forward')
    parser.add_argument('--optimizer', action='store_true', help='a training step ends with fused AdamW')
    parser.add_argument('--batch-size', type=int, default=1)
    parser.add_argument('--against', nargs='*', metavar='PEER', help=f'of {", ".join(PEERS)} (default: all)')
    parser.add_argument('--compiled', action='store_true', help='ours under torch.compile as well')
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--minutes', type=float, help='begin no round that would end later than this')
    parser.add_argument('--clock', choices=CLOCKS, default='wall', help='cpu: processor time, for a busy machine')
    parser.add_argument('--device', default='cpu')
    parser.add_argument('--dtype', choices=DTYPES, default='float32')
    parser.add_argument('--no-memory', action='store_true', help='leave out peak memory')
    parser.add_argument('--no-time', action='store_true', help='peak memory only')
    parser.add_argument('--out', type=Path, help='json file; a plot of the same name is put beside it')
    args = parser.parse_args(argv)
    if args.config and args.window_size:
        parser.error('--window-size belongs to --arch: a config has its own windows.')
    args.shape = Shape(args.arch, args.depth, args.img_size or 224, args.window_size, args.config)
    if args.against is None:
        args.against = list(args.shape.peers)
    return args


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    # after the arguments are known: torch takes seconds to import
    from benchmarking.machine import describe
    from benchmarking.plot import plot_report
    from benchmarking.side_by_side import COMPILED, measure_memory, measure_time, show

    if args.config:
        from benchmarking.config_backbone import shape_of

        with user_errors():
            args.shape = shape_of(args.config, args.depth, args.img_size)
    names = [OURS, *([COMPILED] if args.compiled else []), *args.against]
    report = {'machine': describe(args.device), 'contenders': names}
    # first, while nothing else is held
    if not args.no_memory:
        report['peak_bytes'] = measure_memory(names, args)
    if not args.no_time:
        report['time'] = measure_time(names, args)
    show(report)
    if args.out:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(json.dumps(report, indent=1) + '\n')
        plot_report(report, args.out.with_suffix('.png'))


if __name__ == '__main__':
    main()
