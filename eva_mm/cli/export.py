"""``eva-mm export``: a model as a graph for another runtime."""

import argparse

from eva_mm.cli.run_options import add_cfg_options

DESCRIPTION = """\
Write a model as an ONNX, OpenVINO or torch.export graph, and compare what the runtime computes with torch.

    eva-mm export eva-l-p14_in21k-pre_in1k-196px --out eva.onnx
    eva-mm export configs/nano/segmentation.py work_dirs/segmentation/iter_300.pth --to openvino --out seg.xml

The graph takes RGB images (batch, 3, height, width), for video clips (batch, 3, frames, height, width), as floats from
0 to 255; the batch is free, the size fixed. Outputs are raw. Needs the extra export.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command line."""
    parser.add_argument('model', help='a name of a model, a config, or a checkpoint that carries its config')
    parser.add_argument('checkpoint', nargs='?', help='its weights (default: the released file)')
    parser.add_argument('--out', required=True, help='the file to write: .onnx, .xml or .pt2')
    formats = ['onnx', 'openvino', 'torch-export']
    parser.add_argument('--to', choices=formats, default='onnx', help='default: onnx')
    parser.add_argument('--part', choices=['model', 'backbone'], default='model', help='default: the whole model')
    parser.add_argument(
        '--size', nargs=2, type=int, metavar=('HEIGHT', 'WIDTH'), help="pixels (default: the backbone's own size)"
    )
    parser.add_argument('--weights-dir', help='directory of released files (default: $EVA_MM_WEIGHTS or checkpoints)')
    parser.add_argument('--random-weights', action='store_true', help='random weights, to try it without a file')
    add_cfg_options(parser)


def run(args: argparse.Namespace) -> None:
    """Run it."""
    from eva_mm.apis.errors import user_errors
    from eva_mm.apis.exporting.write import export_model
    from eva_mm.apis.options import parse_cfg_options

    weights = False if args.random_weights else args.checkpoint or True
    with user_errors():
        options = parse_cfg_options(args.cfg_options)
        done = export_model(args.model, args.out, weights, args.to, args.part, args.size, args.weights_dir, options)
    size = done.path.stat().st_size / 2**20
    shapes = ', '.join(map(str, done.outputs[:6])) + ', ...' * (len(done.outputs) > 6)
    print(f'{done.path}: {size:,.1f} MiB in {done.seconds:.1f} s; image {done.shape} in RGB, 0 to 255, any batch')
    print(f'  {len(done.outputs)} outputs, {done.kind}: {shapes}')
    print(f'  largest difference from torch: {done.error:.1e} of the largest value')
