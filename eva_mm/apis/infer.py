"""Inference from the command line."""

import sys
from argparse import Namespace
from pathlib import Path

import torch
from mmengine.utils import ProgressBar

from eva_mm.apis.errors import UserError
from eva_mm.apis.inference import Inferencer, Input, ResultWriter, build_inferencer, check_inputs, find_inputs
from eva_mm.apis.model import CHECKPOINT_SUFFIXES
from eva_mm.apis.options import parse_cfg_options
from eva_mm.safe_io.printed import printable
from eva_mm.safe_io.weights import force_weights_only

# option of the command line -> option of an inferencer
_OPTIONS = ('topk', 'score_thr', 'text_labels', 'templates', 'zoom')


def _split(args: Namespace) -> tuple[str | None, list[str]]:
    """The checkpoint, if the first input is one, and the inputs."""
    if args.inputs and Path(args.inputs[0]).suffix in CHECKPOINT_SUFFIXES:
        return args.inputs[0], args.inputs[1:]
    return None, args.inputs


def prepare_inference(args: Namespace) -> tuple[Inferencer, list[Input], ResultWriter]:
    """What ``tools/infer.py`` runs.

    Args:
        args: What ``tools/infer.py`` parsed.

    Raises:
        UserError: An input does not exist, or an option does not fit the model.
        FileNotFoundError: There is no such checkpoint.
        ValueError: The checkpoint is damaged or of another model.
    """
    force_weights_only()
    checkpoint, arguments = _split(args)
    check_inputs(arguments)
    if args.batch_size < 1:
        raise UserError(f'batch_size={args.batch_size} must be positive.')
    inferencer = build_inferencer(
        args.model,
        False if args.random_weights else checkpoint,
        device=args.device or ('cuda' if torch.cuda.is_available() else 'cpu'),
        half=args.amp,
        task=args.task,
        data_root=args.data_root,
        weights_dir=args.weights_dir,
        cfg_options=parse_cfg_options(args.cfg_options),
        **{name: getattr(args, name) for name in _OPTIONS if getattr(args, name) is not None},
    )
    inputs = find_inputs(arguments, inferencer.media, args.frames)
    return inferencer, inputs, ResultWriter(args.out or Path('work_dirs', 'infer', inferencer.task), inferencer)


def run_inference(args: Namespace, inferencer: Inferencer, inputs: list[Input], writer: ResultWriter) -> int:
    """Look at all inputs, write what was found, and list what could not be read.

    Returns:
        The exit code: 0 if all were read, 1 if some were not.
    """
    bar = ProgressBar(len(inputs), file=sys.stderr)
    for result in inferencer.stream(inputs, args.batch_size, not args.no_pictures):
        writer.add(result)
        bar.update()
    writer.finish()
    sys.stderr.write('\n')
    unread = sum(result.error is not None for result in writer.results)
    print(f'{len(inputs) - unread} of {len(inputs)} inputs: {writer.folder}')
    for sentence in writer.errors:
        print(f'unreadable: {printable(sentence)}', file=sys.stderr)
    return 1 if unread else 0
