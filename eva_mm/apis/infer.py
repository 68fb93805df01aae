"""Inference from the command line."""

import sys
from pathlib import Path

import torch
from mmengine.utils import ProgressBar

from eva_mm.apis.errors import UserError
from eva_mm.apis.inference import Inferencer, Input, ResultWriter, build_inferencer, check_inputs, find_inputs
from eva_mm.apis.model import CHECKPOINT_SUFFIXES
from eva_mm.apis.options import InferOptions
from eva_mm.safe_io.printed import printable
from eva_mm.safe_io.weights import force_weights_only

# option of the command line -> option of an inferencer
_OPTIONS = ('topk', 'score_thr', 'text_labels', 'templates', 'zoom')


def _split(options: InferOptions) -> tuple[str | None, list[str]]:
    """The checkpoint, if the first input is one, and the inputs."""
    if options.inputs and Path(options.inputs[0]).suffix in CHECKPOINT_SUFFIXES:
        return options.inputs[0], options.inputs[1:]
    return None, options.inputs


def prepare_inference(options: InferOptions) -> tuple[Inferencer, list[Input], ResultWriter]:
    """What ``tools/infer.py`` runs.

    Args:
        options: Those of ``eva-mm infer``.

    Raises:
        UserError: An input does not exist, or an option does not fit the model.
        FileNotFoundError: There is no such checkpoint.
        ValueError: The checkpoint is damaged or of another model.
    """
    force_weights_only()
    checkpoint, arguments = _split(options)
    check_inputs(arguments)
    if options.batch_size < 1:
        raise UserError(f'batch_size={options.batch_size} must be positive.')
    inferencer = build_inferencer(
        options.model,
        False if options.random_weights else checkpoint,
        device=options.device or ('cuda' if torch.cuda.is_available() else 'cpu'),
        half=options.amp,
        task=options.task,
        data_root=options.data_root,
        weights_dir=options.weights_dir,
        weights=options.weights,
        cfg_options=options.cfg_options,
        **{name: getattr(options, name) for name in _OPTIONS if getattr(options, name) is not None},
    )
    inputs = find_inputs(arguments, inferencer.media, options.frames)
    return inferencer, inputs, ResultWriter(options.out or Path('work_dirs', 'infer', inferencer.task), inferencer)


def run_inference(options: InferOptions, inferencer: Inferencer, inputs: list[Input], writer: ResultWriter) -> int:
    """Look at all inputs, write what was found, and list what could not be read.

    Returns:
        The exit code: 0 if all were read, 1 if some were not.
    """
    bar = ProgressBar(len(inputs), file=sys.stderr)
    for result in inferencer.stream(inputs, options.batch_size, options.pictures):
        writer.add(result)
        bar.update()
    writer.finish()
    sys.stderr.write('\n')
    unread = sum(result.error is not None for result in writer.results)
    print(f'{len(inputs) - unread} of {len(inputs)} inputs: {writer.folder}')
    for sentence in writer.errors:
        print(f'unreadable: {printable(sentence)}', file=sys.stderr)
    return 1 if unread else 0
