"""``eva-mm demo`` and ``tools/demo_app.py``: the page itself is in ``projects/demo`` of a checkout."""

import argparse

DESCRIPTION = 'Serve a page on 127.0.0.1 that shows what a model says about an image or a video.'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the page."""
    parser.add_argument(
        '--model',
        action='append',
        metavar='NAME[=CHECKPOINT]',
        help='a model of the page, with a checkpoint, "random", or nothing for its released file; may be repeated '
        '(default: all whose released file is in ./checkpoints)',
    )
    parser.add_argument('--device', default='cpu', help='cpu or cuda')
    parser.add_argument(
        '--keep-uploads', type=float, default=1800, metavar='SECONDS', help='until an unused upload is removed (1800)'
    )
    parser.add_argument('--port', type=int, help='default: the first free one from 7860')


def run(args: argparse.Namespace) -> None:
    """Serve until interrupted."""
    from eva_mm.apis.errors import user_errors

    with user_errors():
        from eva_mm.apis.demo_app import parse_models, serve

        models = parse_models(args.model)
    serve(models, args.device, args.port, args.keep_uploads)
