"""Check at full size that EVA of timm, of open_clip and of this package give the same output for the same images.

    python projects/benchmarks/compare_layouts.py                # eva_giant_patch14_224 and EVA01-g-14, 4 to 5 GB each

Weights are random everywhere, those of the other library are converted, and both models share them in memory. Prints
the largest difference relative to the largest output; exits with 1 if it exceeds the tolerance.
"""

import argparse
import sys
import time

TOLERANCE = 1e-3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--timm', default='eva_giant_patch14_224', help='model of timm; empty for none')
    parser.add_argument('--open-clip', default='EVA01-g-14', help='model of open_clip; empty for none')
    parser.add_argument('--batch-size', type=int, default=2)
    args = parser.parse_args()
    # after the arguments are known: torch takes seconds to import
    import torch
    from same_output import compare, from_open_clip, from_timm

    images = torch.randn(args.batch_size, 3, 224, 224, generator=torch.Generator().manual_seed(1))
    worst = 0.0
    for build, name in ((from_timm, args.timm), (from_open_clip, args.open_clip)):
        if name:
            start = time.monotonic()
            difference = compare(build, name, images)
            worst, seconds = max(worst, difference), time.monotonic() - start
            print(f'{name}: largest relative difference {difference:.2e} ({seconds:.0f} s)', flush=True)
    sys.exit(int(worst > TOLERANCE))


if __name__ == '__main__':
    main()
