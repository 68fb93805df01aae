"""``eva-mm infer`` and ``tools/infer.py``."""

import argparse
import sys

from eva_mm.cli.run_options import add_cfg_options, add_weights_option

DESCRIPTION = """\
Use a model of any task on images and videos: pictures, json and a contact sheet are written to --out.

  eva-mm infer classification photos/
  eva-mm infer nano/detection work_dirs/detection/iter_300.pth 'photos/*.jpg' --score-thr 0.5
  eva-mm infer zero-shot photo.jpg --text-labels "a photo of a dog" "a photo of a cat"
  eva-mm infer features https://example.org/photo.jpg
"""
EPILOG = """\
Tasks: classification, detection, segmentation, video, zero-shot, features (principal components of patch features as
colours) and mim (how well masked image modelling predicts hidden patches) stand for the released model of their kind.
Its file is looked up in --weights-dir; eva-mm download puts it there.

Addresses are fetched with http or https alone, up to 512 MiB each, and given up after 30 seconds without an answer.

Exit code: 0 all inputs were read, 1 some were not (they are listed at the end), 2 the call is invalid, 74 the disk is
full.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of inference."""
    parser.add_argument('model', help='a task, a name of a model, a config, or a checkpoint that carries its config')
    parser.add_argument(
        'inputs',
        nargs='+',
        metavar='[CHECKPOINT] INPUT',
        help='a checkpoint (.pth, .pt, .safetensors) unless the released one is meant, then files, directories, '
        'patterns in quotes, videos, http(s) addresses, or the number of a webcam',
    )
    parser.add_argument('--out', help='directory of the results (default: work_dirs/infer/TASK)')
    parser.add_argument('--task', help='another use of the model than its own: features, of any model for images')
    parser.add_argument('--text-labels', nargs='+', metavar='TEXT', help='zero-shot: the texts to choose from')
    parser.add_argument(
        '--templates', nargs='+', metavar='TEXT', help='zero-shot: sentences with {} for a text (default: the text)'
    )
    parser.add_argument('--topk', type=int, help='classification, zero-shot, video: number of classes (default: 5)')
    parser.add_argument('--score-thr', type=float, help='detection: lowest score that is drawn (default: 0.3)')
    parser.add_argument('--zoom', type=int, help='features: factor on the size of what the model gets (default: 1)')
    parser.add_argument('--data-root', help='the data that the checkpoint was trained on, which has the class names')
    parser.add_argument('--batch-size', type=int, default=1, help='inputs at once (default: 1)')
    parser.add_argument('--device', help='for instance cpu or cuda:1 (default: a GPU if there is one)')
    parser.add_argument('--amp', action='store_true', help='half precision: float16 on a GPU, bfloat16 on a CPU')
    parser.add_argument('--frames', type=int, default=8, help='frames of a video for image models (default: 8)')
    parser.add_argument('--no-pictures', action='store_true', help='write json only')
    parser.add_argument('--weights-dir', help='directory of released files (default: $EVA_MM_WEIGHTS or checkpoints)')
    parser.add_argument('--random-weights', action='store_true', help='random weights, to try a model without a file')
    add_weights_option(parser)
    add_cfg_options(parser)


def run(args: argparse.Namespace) -> None:
    """Infer, and exit with the code that the epilog tells."""
    from eva_mm.apis.errors import run_errors, user_errors
    from eva_mm.apis.infer import prepare_inference, run_inference
    from eva_mm.apis.options import InferOptions, parse_cfg_options

    with user_errors():
        values = {**vars(args), 'cfg_options': parse_cfg_options(args.cfg_options), 'pictures': not args.no_pictures}
        del values['no_pictures']
        options = InferOptions(**values)
        prepared = prepare_inference(options)
    with run_errors():
        sys.exit(run_inference(options, *prepared))
