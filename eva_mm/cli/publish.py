"""``eva-mm publish`` and ``tools/misc/publish_model.py``."""

import argparse

DESCRIPTION = """\
Make one small file for inference from a training run: weights, config and class names.

    eva-mm publish work_dirs/eva-g-p14_in21k-pre_in1k-336px eva_g_in1k_336px.pth

The run may be a plain one, one that averaged its weights, or a DeepSpeed one with shards of any ZeRO stage; its newest
checkpoint is taken, or the one named. Optimizer, schedule and random state are left behind.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command line."""
    parser.add_argument('run', help='work dir, checkpoint file or DeepSpeed checkpoint folder')
    parser.add_argument('out', help='.pth file to write; it must not exist')
    dtypes = ['float16', 'bfloat16', 'float32']
    parser.add_argument('--dtype', default='float16', choices=dtypes, help='of the weights (default: float16)')
    parser.add_argument('--train-weights', action='store_true', help='the weights in training, not their average')


def run(args: argparse.Namespace) -> None:
    """Run it."""
    # after the arguments are known: the libraries take seconds to import
    from pathlib import Path

    from eva_mm.apis import user_errors
    from eva_mm.apis.publish import publish

    with user_errors():
        meta = publish(args.run, args.out, args.dtype, average=not args.train_weights)
        classes = meta['dataset_meta'].get('classes') or []
        size = Path(args.out).stat().st_size / 2**20
        print(f'wrote {args.out}: {size:.1f} MiB, {len(classes)} class names, iteration {meta["iter"]}')
