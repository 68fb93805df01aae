"""EoMT beside ViT-Adapter with Mask2Former over the same trunk: a forward pass from image to class and mask logits.

    python projects/benchmarks/measure_eomt.py --arch dinov2-large-reg --img-size 512 --out eomt.json
    python projects/benchmarks/measure_eomt.py --arch base --device cuda --dtype bfloat16

The models are those of the shipped configs on ADE20K, EoMT as a finished model, without masks. Both run in one process,
in turn; what counts is the median over rounds of the ratio of a round. Weights are random, which does not change time.
"""

import argparse
import json
from pathlib import Path

from benchmarking.choices import DTYPES


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--arch', default='dinov2-large-reg', help='trunk of both')
    parser.add_argument('--img-size', type=int, default=512)
    parser.add_argument('--batch-size', type=int, default=1)
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--minutes', type=float, default=8)
    parser.add_argument('--clock', choices=('wall', 'cpu'), default='wall', help='see benchmarking/timing.py')
    parser.add_argument('--device', default='cpu')
    parser.add_argument('--dtype', choices=DTYPES, default='float32')
    parser.add_argument('--out', type=Path, help='json file')
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    # after the arguments are known: torch takes seconds to import
    from benchmarking.eomt import measure
    from benchmarking.machine import describe

    report = measure(args)
    for name, speed in report['images_per_second'].items():
        print(f'{name:24s}{speed:9.3f} images/s{report["parameters"][name]:14,} parameters')
    print(f'EoMT has {report["speed_ratio"]:.2f} times the images/s, {len(report["seconds"]["EoMT"])} rounds')
    if args.out:
        settings = {key: value for key, value in vars(args).items() if key != 'out'}
        content = dict(machine=describe(args.device), settings=settings, **report)
        args.out.write_text(json.dumps(content, indent=1) + '\n')


if __name__ == '__main__':
    main()
