"""``eva-mm publish`` and ``tools/misc/publish_model.py``."""

import argparse

DESCRIPTION = """\
Make one small file for inference from a training run: weights, config and class names.

    eva-mm publish work_dirs/eva-g-p14_in21k-pre_in1k-336px eva_g_in1k_336px.pth

The run may be a plain one, one that averaged its weights, or a DeepSpeed one with shards of any ZeRO stage; its newest
checkpoint is taken, or the one named. Optimizer, schedule and random state are left behind.

    eva-mm publish work_dirs/mine mine.safetensors --card --push me/mine    # needs the extra hub, and hf auth login
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command line."""
    parser.add_argument('run', help='work dir, checkpoint file or DeepSpeed checkpoint folder')
    parser.add_argument('out', help='.pth or .safetensors file to write; it must not exist')
    dtypes = ['float16', 'bfloat16', 'float32']
    parser.add_argument('--dtype', default='float16', choices=dtypes, help='of the weights (default: float16)')
    parser.add_argument('--train-weights', action='store_true', help='the weights in training, not their average')
    parser.add_argument(
        '--card', nargs='?', const='', metavar='FILE', help='write a model card, too (default: README.md beside OUT)'
    )
    parser.add_argument(
        '--license', metavar='ID', help='of the card, such as apache-2.0 (default: that of the weights it started from)'
    )
    parser.add_argument(
        '--push', metavar='OWNER/REPOSITORY', help='upload the file and its card to the Hugging Face hub'
    )
    parser.add_argument('--private', action='store_true', help='make the repository of --push a private one')


def run(args: argparse.Namespace) -> None:
    """Run it."""
    # after the arguments are known: the libraries take seconds to import
    from pathlib import Path

    from eva_mm.apis import user_errors
    from eva_mm.apis.model_card import check_card, push, write_card
    from eva_mm.apis.publish import publish

    out = Path(args.out)
    with_card = args.card is not None or args.push is not None
    card = Path(args.card) if args.card else out.parent / 'README.md'
    with user_errors(ValueError, OSError, ImportError, KeyError, TypeError, AttributeError):
        if with_card:
            check_card(card)
        meta = publish(args.run, out, args.dtype, average=not args.train_weights)
        classes = meta['dataset_meta'].get('classes') or []
        size = out.stat().st_size / 2**20
        print(f'wrote {out}: {size:.1f} MiB, {len(classes)} class names, iteration {meta["iter"]}')
        if with_card:
            results = write_card(card, out, args.run, meta, args.license)
            print(f'wrote {card}: {results} results of the validation')
        if args.push:
            print(f'uploaded to {push(args.push, out, card, args.private)}')
