"""From a training run to one file for inference: weights, config and class names."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import eva_mm
from eva_mm.apis.carried_config import read_carried_config
from eva_mm.apis.errors import UserError
from eva_mm.apis.plain_config import read_plain_config
from eva_mm.checkpoint import read_checkpoint
from eva_mm.checkpoint.save import check_destination, write_weights
from eva_mm.checkpoint.unwrap import unwrap
from eva_mm.engine.deepspeed.checkpoint import read_weights
from eva_mm.safe_io.download import file_name
from eva_mm.safe_io.files import read_text
from eva_mm.safe_io.hub import is_hub_address
from eva_mm.safe_io.printed import printable
from eva_mm.safe_io.weights import value_problem

DTYPES = {'float16': torch.float16, 'bfloat16': torch.bfloat16, 'float32': torch.float32}
_NOTE = 'last_checkpoint'
# keys of a config that are about the run, not about the model
_RUN_KEYS = ('work_dir', 'load_from', 'resume', 'launcher')


def find_checkpoint(run: Path) -> Path:
    """The checkpoint of a run: its newest, or ``run`` itself if that is a file or a DeepSpeed folder.

    Raises:
        UserError: There is none.
    """
    if run.is_file() or list(run.glob('*_model_states.pt')):
        return run
    if not (run / _NOTE).is_file():
        raise UserError(f'{run} is no run with a checkpoint: give a work dir, a checkpoint file or a DeepSpeed folder.')
    noted = Path(read_text(run / _NOTE).strip())
    # the note keeps the path of the time of training
    return next((path for path in (noted, run / noted.name) if path.exists()), noted)


def _read(checkpoint: Path) -> dict[str, Any]:
    if not checkpoint.is_dir():
        return read_checkpoint(checkpoint)
    weights = read_weights(checkpoint)
    states = read_checkpoint(sorted(checkpoint.glob('*_model_states.pt'))[0])
    return {**weights, 'meta': states.get('meta', {})}


def _config(meta: dict, run: Path) -> tuple[str, list[str]]:
    """The text of the config to publish, and the names of the files that the training started from."""
    text = meta.get('cfg')
    if not text or not isinstance(text, str):
        # DeepSpeed leaves scripts of its own beside its checkpoints
        dumped = [path for path in run.glob('*.py') if not path.name.startswith('zero_to_')]
        if len(dumped) != 1:
            raise UserError(f'The config is neither in the checkpoint nor the one .py file of {run}: put it there.')
        text = read_text(dumped[0])
    started_from = sorted(set(_sources(read_plain_config(text).to_dict())))
    cfg = read_carried_config(text, run, to_build=False)
    for key in _RUN_KEYS:
        cfg.pop(key, None)
    published = cfg.pretty_text
    # a key with a quotation mark in it would become part of the program that others read
    read_plain_config(published)
    return published, started_from


def _sources(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        starts = [node.get('checkpoint')] if str(node.get('type')).endswith('Pretrained') else [node.get('load_from')]
        for name in starts:
            if isinstance(name, str) and name:
                # the folders before it are the author's
                yield name if is_hub_address(name) else printable(file_name(name))
    for value in node.values() if isinstance(node, dict) else node if isinstance(node, (list, tuple)) else ():
        yield from _sources(value)


def _plain(value: Any) -> Any:
    """What NumPy and tuples hold as lists, so that the file needs no other types."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value.tolist() if hasattr(value, 'tolist') else value


def _cast(weights: dict[str, Tensor], dtype: torch.dtype) -> dict[str, Tensor]:
    cast = {name: value.to(dtype) if value.is_floating_point() else value for name, value in weights.items()}
    lost = [name for name, value in cast.items() if not value.isfinite().all() and weights[name].isfinite().all()]
    if lost:
        raise UserError(f'{", ".join(lost[:3])} overflow in {dtype}: give --dtype float32 or bfloat16.')
    return cast


def publish(run: str | Path, out: str | Path, dtype: str = 'float16', average: bool = True) -> dict[str, Any]:
    """Write what inference needs of a run, and nothing else, to one file.

    Args:
        run: Work dir of a plain, EMA or DeepSpeed (ZeRO 0 to 3) run, or one of its checkpoints.
        out: ``.pth`` or ``.safetensors`` file to write.
        dtype: Of all floating-point weights; the released files have ``float16``.
        average: Whether to take the averaged weights of a run that kept them, or those in training.

    Returns:
        The ``meta`` of the file: ``cfg``, ``dataset_meta`` (classes), ``epoch``, ``iter``, ``eva_mm_version``, and
        ``started_from``, names of the files that ``init_cfg`` and ``load_from`` named.

    Raises:
        UserError: No checkpoint, no config, or an overflow in ``dtype``.
        FileExistsError: ``out`` exists.
        ValueError: The checkpoint is damaged or unsafe.
    """
    run = Path(run)
    check_destination(out)
    checkpoint_path = find_checkpoint(run)
    checkpoint = _read(checkpoint_path)
    if not average and 'ema_state_dict' not in checkpoint:
        raise UserError(f'{checkpoint_path} keeps no averaged weights: leave --train-weights out.')
    weights = unwrap(checkpoint, 'auto' if average else 'raw')
    if problem := value_problem(weights):
        raise UserError(f'{checkpoint_path} cannot be published: {problem}.')
    meta = checkpoint.get('meta')
    meta = meta if isinstance(meta, dict) else {}
    cfg, started_from = _config(meta, run if run.is_dir() else run.parent)
    kept = dict(
        cfg=cfg,
        started_from=started_from,
        dataset_meta=_plain(meta.get('dataset_meta') or {}),
        epoch=meta.get('epoch'),
        iter=meta.get('iter'),
        eva_mm_version=eva_mm.__version__,
    )
    write_weights(_cast(weights, DTYPES[dtype]), out, 'state_dict', {'meta': kept})
    return kept
