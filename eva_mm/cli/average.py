"""``eva-mm average`` and ``tools/misc/average_checkpoints.py``."""

import argparse

DESCRIPTION = """\
Average the weights of several checkpoints of one run.

    eva-mm average work_dirs/RUN/iter_7*.pth work_dirs/RUN/iter_80000.pth --out averaged.pth

The released relative-position segmentor of ADE20K starts from such an average of its COCO-Stuff run.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command line."""
    parser.add_argument('checkpoints', nargs='+', help='two or more checkpoint files of one model')
    parser.add_argument('--out', required=True, help='.pt, .pth or .safetensors file to write; it must not exist')


def run(args: argparse.Namespace) -> None:
    """Run it."""
    # after the arguments are known: the libraries take seconds to import
    from eva_mm.apis import user_errors
    from eva_mm.checkpoint import read_checkpoint
    from eva_mm.checkpoint.average import average_checkpoints
    from eva_mm.checkpoint.file_grid import recorded_grid
    from eva_mm.checkpoint.save import check_destination, write_weights

    with user_errors():
        check_destination(args.out)
        averaged = average_checkpoints(args.checkpoints)
        grid = recorded_grid(read_checkpoint(args.checkpoints[0]))
        path = write_weights(averaged, args.out, wrapper='state_dict', grid=grid)
        print(f'wrote {path}: the mean of {len(args.checkpoints)} checkpoints, {len(averaged)} tensors')
