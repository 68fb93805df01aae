"""Loading checkpoints into models."""

import os
from typing import Any

from torch import nn

from eva_mm.checkpoint.convert import Conversion, convert_state_dict
from eva_mm.checkpoint.family import describe_family
from eva_mm.checkpoint.file import Checkpoint, Source
from eva_mm.checkpoint.key_tables import key_table
from eva_mm.checkpoint.report import Report, fold_names


def read_checkpoint(source: str | os.PathLike) -> dict[str, Any]:
    """What a checkpoint file holds; see :class:`Checkpoint`.

    Args:
        source: Path or http(s) address.

    Raises:
        FileNotFoundError, ValueError, UnsafeCheckpointError: As :meth:`Checkpoint.open`.
    """
    return Checkpoint.open(source).content


def _complain(report: Report, source: Checkpoint, part: str) -> None:
    if report.missing:
        raise ValueError(
            f'{source} lacks {len(report.missing)} weights of the {part}: {fold_names(report.missing)}. '
            'Give a file of the same architecture, or strict=False to keep their initial values.'
        )
    if report.unexpected:
        raise ValueError(
            f'{source} holds {len(report.unexpected)} weights that the {part} has no place for: '
            f'{fold_names(report.unexpected)}. Build the model that the file is of, or give strict=False.'
        )


def _load(
    module: nn.Module,
    source: Source,
    task: str,
    strict: bool,
    prefix: str,
    grid: tuple[int, ...] | None,
    mapped: bool = False,
    file_grid: tuple[int, ...] | None = None,
) -> Report:
    target = {prefix + name: tensor for name, tensor in module.state_dict().items()}
    checkpoint = Checkpoint.open(source)
    trunk = module if prefix else getattr(module, key_table(task).trunk.removesuffix('.'), None)
    try:
        conversion: Conversion = convert_state_dict(
            checkpoint.content,
            task,
            target=target,
            grid=grid,
            only=prefix,
            file_grid=file_grid,
            resize=getattr(trunk, 'position_rule', (1, 'bicubic')),
            which=checkpoint.which,
        )
        if strict:
            _complain(conversion.report, checkpoint, type(module).__name__)
    except ValueError as error:
        raise ValueError(f'{checkpoint}: {error} {describe_family(checkpoint.content, trunk)}'.rstrip()) from error
    weights = {name.removeprefix(prefix): tensor for name, tensor in conversion.state_dict.items()}
    if mapped:
        kept = module.state_dict()
        weights = {name: tensor.to(kept[name]) for name, tensor in weights.items() if name in kept}
    module.load_state_dict(weights, strict=False, assign=mapped)
    return conversion.report


def load_pretrained(
    backbone: nn.Module,
    source: Source,
    task: str | None = None,
    strict: bool = True,
    mapped: bool = False,
    file_grid: tuple[int, ...] | None = None,
    weights: str = 'auto',
    prefix: str | None = None,
    map_location: Any = None,
) -> Report:
    """Load any EVA checkpoint into a backbone, resized to its patches, positions and windows.

    Args:
        backbone: ``eva_mm.EVAViT`` or a subclass.
        source: Path, http(s) address or open checkpoint, of whatever task and layout.
        task: Task whose names the backbone has; its ``checkpoint_task`` if ``None``.
        strict: Whether it is an error if the file lacks weights that it should have, or holds unknown ones.
        mapped: Let the weights lie in the file as :class:`Checkpoint` maps it, where dtype and device agree,
            instead of copying them: they are read when they are used, and what is trained is copied then. The file
            must not be written to while the backbone lives.
        file_grid: Patches of the file's positions, (H, W) or (T, H, W), where the file does not say it.
        weights: ``'raw'`` or ``'averaged'`` where the file holds both, see
            :func:`eva_mm.checkpoint.unwrap.choose_weights`.
        prefix: Take only what lies under it in the file, as mmengine's ``init_cfg`` has it.
        map_location: Accepted as hosts give it; weights are copied to where the backbone is.

    Returns:
        What happened to each weight.

    Raises:
        FileNotFoundError: No such file.
        ValueError: As :meth:`Checkpoint.open` and :func:`eva_mm.checkpoint.convert_state_dict`; with ``strict`` also
            if weights are missing or unexpected.
    """
    task = task or backbone.checkpoint_task
    grid = getattr(backbone, 'grid', None)
    checkpoint = Checkpoint.open(source, weights)
    if prefix:
        checkpoint = checkpoint.below(prefix)
    return _load(backbone, checkpoint, task, strict, key_table(task).trunk, grid, mapped, file_grid)


def load_model(model: nn.Module, source: Source, task: str, strict: bool = True) -> Report:
    """Load any EVA checkpoint into a whole model, as :func:`load_pretrained` does into a backbone."""
    trunk = getattr(model, key_table(task).trunk.removesuffix('.'), None)
    return _load(model, source, task, strict, '', getattr(trunk, 'grid', None))
