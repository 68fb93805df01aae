"""Average the weights of several checkpoints of one run.

    python tools/misc/average_checkpoints.py work_dirs/RUN/iter_7*.pth work_dirs/RUN/iter_80000.pth --out averaged.pth

The released relative-position segmentor of ADE20K starts from such an average of its COCO-Stuff run.
"""

import argparse


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('checkpoints', nargs='+', help='two or more checkpoint files of one model')
    parser.add_argument('--out', required=True, help='.pt, .pth or .safetensors file to write; it must not exist')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    # after the arguments are known: the libraries take seconds to import
    from eva_mm.apis import fail_in_one_sentence
    from eva_mm.checkpoint import read_checkpoint
    from eva_mm.checkpoint.average import average_checkpoints
    from eva_mm.checkpoint.file_grid import recorded_grid
    from eva_mm.checkpoint.save import check_destination, write_weights

    with fail_in_one_sentence():
        check_destination(args.out)
        averaged = average_checkpoints(args.checkpoints)
        grid = recorded_grid(read_checkpoint(args.checkpoints[0]))
        path = write_weights(averaged, args.out, wrapper='state_dict', grid=grid)
        print(f'wrote {path}: the mean of {len(args.checkpoints)} checkpoints, {len(averaged)} tensors')


if __name__ == '__main__':
    main()
