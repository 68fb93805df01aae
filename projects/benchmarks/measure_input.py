"""Images a second and core of a config's training pipeline against torchvision on Pillow, in one process, in turn.

    python projects/benchmarks/measure_input.py                                           # pre-training, 224 pixels
    python projects/benchmarks/measure_input.py --config configs/classification/eva-g-p14_in21k-pre_in1k-336px.py
    python projects/benchmarks/measure_input.py --images data/imagenet/val/n01440764 --out input.json

Reading (from the page cache), decoding and augmentation on one thread; not the collation of a batch, nor its way from
a worker. EVA's pipelines end in uint8 and leave the normalisation to the GPU; torchvision's is measured with the usual
ToTensor and Normalize, and ending in uint8 as well. Without --images, eight JPEG files of 500 x 375 pixels are made of
the photographs that scikit-learn brings. Printed and written: images/s, the median over rounds of ours / theirs, the
cores that a GPU of the given speed needs, and the milliseconds of each of our steps.
"""

import argparse
import json
import tempfile
from pathlib import Path

from benchmarking.choices import CLOCKS, OURS

from eva_mm.apis import user_errors

CONFIG = 'configs/pretrain/eva-g-p14_mim-clip-l_merged30m-224px.py'


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--config', default=CONFIG, help='of pre-training (default: EVA-g) or classification')
    parser.add_argument('--images', type=Path, help='folder of images (default: photographs of scikit-learn)')
    parser.add_argument('--images-per-round', type=int, default=96, help='the files again and again')
    parser.add_argument('--rounds', type=int, default=7)
    parser.add_argument('--clock', choices=CLOCKS, default='cpu', help='cpu (default): processor time')
    parser.add_argument('--speed', type=float, default=300, help='images/s that one GPU takes')
    parser.add_argument('--out', type=Path, help='json file')
    return parser.parse_args(argv)


def show(report: dict) -> None:
    """Print the table."""
    images = report['images']
    print(f'{images["files"]} files, {images["mean_bytes"] / 1000:.0f} kB and {images["mean_megapixels"]:.2f} MP each')
    for name, speed in report['images_per_second'].items():
        line = f'{name:20s}{speed:8.1f} images/s a core {report["cores"][name]:6.2f} cores for {report["speed"]:g}'
        print(line + (f'   ours x {report["speed_ratio"][name]:.2f}' if name != OURS else ''))
    for name, milliseconds in report['own_milliseconds'].items():
        print(f'{milliseconds:8.3f} ms  {name}')


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    with user_errors(), tempfile.TemporaryDirectory() as temporary:
        # after the arguments are known: torch takes seconds to import
        from benchmarking.input_speed import measure
        from benchmarking.machine import describe
        from benchmarking.photographs import find_images, write_photographs

        files = find_images(args.images) if args.images else write_photographs(Path(temporary))
        report = measure(args, args.images or Path(temporary), files)
        report = {'machine': describe('cpu'), 'config': args.config, 'speed': args.speed, **report}
    show(report)
    if args.out:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(json.dumps(report, indent=1) + '\n')


if __name__ == '__main__':
    main()
