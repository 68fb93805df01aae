"""A local page for trying models: python tools/demo_app.py --model nano/classification=CHECKPOINT ..."""

import argparse


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Serve a page on 127.0.0.1 that shows what a model says about an image or a video.'
    )
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
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    from eva_mm.apis import fail_in_one_sentence

    with fail_in_one_sentence():
        from eva_mm.apis.demo_app import parse_models, serve

        models = parse_models(args.model)
    serve(models, args.device, args.port, args.keep_uploads)


if __name__ == '__main__':
    main()
