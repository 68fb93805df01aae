"""A short config for one's own data and GPUs, with the reasons for every number in it."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from pprint import pformat

from mmengine.config import Config
from mmengine.registry import DATASETS, DefaultScope

from eva_mm.apis.errors import UserError
from eva_mm.apis.own_data import use_data_root
from eva_mm.apis.planning.plan import GIB, MeasuredConfig
from eva_mm.shipped import SCOPE, shipped_root
from eva_mm.tasks import Recipe, find_task

# fewer steps an epoch than this leave a recipe too few in all
MIN_STEPS_PER_EPOCH = 20
# and statistics of fewer samples than this are noise, however small the data
MIN_BATCH = 8
# share of a GPU that is left for what no measurement on fake tensors sees: losses, workspaces, fragmentation
FREE_SHARE = 0.1


@dataclass
class NewConfig:
    """What was chosen.

    Attributes:
        base: The shipped config.
        data_root: The folder.
        settings: Top-level keys of the new config.
        reasons: One sentence for each choice.
    """

    base: Path
    data_root: Path
    settings: dict = field(default_factory=dict)
    reasons: list[str] = field(default_factory=list)

    def write(self, file: str | Path) -> None:
        """Write the config.

        Raises:
            UserError: The file exists, or is no ``.py`` file.
        """
        file = Path(file)
        if file.exists() or file.suffix != '.py':
            raise UserError(f'{file} {"exists" if file.exists() else "is no .py file"}: give the name of a new config.')
        file.parent.mkdir(parents=True, exist_ok=True)
        lines = ['"""Made by eva-mm new-config.', '', f'    eva-mm train {file}', '']
        lines += [*self.reasons, '"""', '']
        lines.append(f'_base_ = {SCOPE + self.base.relative_to(shipped_root() / "configs").as_posix()!r}')
        lines += [f'{key} = {pformat(value, width=110, sort_dicts=False)}' for key, value in self.settings.items()]
        file.write_text('\n'.join(lines) + '\n')


def _largest_batch(peak: Callable[[int], float], most: int, budget: float) -> int:
    """The largest batch up to ``most`` whose peak fits into ``budget``, 0 if none does.

    Memory is nearly linear in the batch, so that a few measurements find it.
    """
    fits, too_large, guess = 0, most + 1, most
    while too_large - fits > 1:
        if peak(guess) <= budget:
            fits = guess
        else:
            too_large = guess
        slope = (peak(too_large) - peak(max(fits, 1))) / max(too_large - max(fits, 1), 1) if too_large <= most else 0
        guess = int(fits + (budget - peak(max(fits, 1))) / slope) if slope > 0 else too_large - 1
        guess = min(max(guess, fits + 1), too_large - 1)
    return fits


def _choose_batch(measured: MeasuredConfig, gpus: int, most: int, budget: float) -> tuple[int, bool]:
    """The largest batch up to ``most`` that fits into ``budget`` GiB, and whether it needs checkpointing."""
    for with_cp in (False, True):
        batch = _largest_batch(lambda batch: _peak(measured, gpus, batch, with_cp), most, budget)  # noqa: B023
        if batch:
            return batch, with_cp
    raise UserError(
        f'One sample needs {_peak(measured, gpus, 1, True):.1f} GiB on each of {gpus} GPUs even with activation '
        f'checkpointing, and {budget:.1f} GiB are available for it: take a smaller model or larger GPUs'
        f'{", or more of them" if measured.stage else ""}.'
    )


def _peak(measured: MeasuredConfig, gpus: int, batch: int, with_cp: bool) -> float:
    """GiB of one GPU."""
    return measured.memory(measured.stage, batch, gpus, with_cp).peak / GIB


def _length(cfg: Config, recipe: Recipe, iterations_per_epoch: float) -> dict:
    """Schedule of as many epochs as the recipe has, counted in iterations."""
    old = cfg.train_cfg.max_iters
    # every iteration is a step, or a part of one with accumulation
    epochs = old / cfg.optim_wrapper.get('accumulative_counts', 1) * recipe.batch / recipe.samples
    factor = epochs * iterations_per_epoch / old
    new = max(1, round(old * factor))

    def scaled(step: int) -> int:
        return min(new, max(1, round(step * factor))) if step else 0

    schedule = [
        {key: scaled(value) if key in ('begin', 'end') else value for key, value in step.items()}
        for step in cfg.param_scheduler
    ]
    for step in schedule:
        if 'milestones' in step:
            step['milestones'] = [scaled(each) for each in step['milestones']]
    interval = max(1, new // 10)
    return dict(
        train_cfg=dict(max_iters=new, val_interval=interval),
        param_scheduler=schedule,
        default_hooks=dict(checkpoint=dict(interval=interval)),
    )


def make_config(task: str, size: str, data_root: str, gpu_memory: float, gpus: int = 1) -> NewConfig:
    """Choose a shipped config and what differs from it.

    The effective batch stays that of the recipe, made of what fits on a GPU and of accumulation, unless an epoch of the
    data would have fewer than :data:`MIN_STEPS_PER_EPOCH` steps; it is at least :data:`MIN_BATCH`. Where the effective
    batch differs, the learning rate of Adam is scaled by the root of the ratio (as the shipped base and large detectors
    do with ViTDet's).

    Args:
        task: ``'classification'``, ``'detection'``, ``'segmentation'`` or ``'video'``.
        size: ``'nano'``, ``'base'``, ``'large'`` or ``'giant'``.
        data_root: Folder in the format of the task, see :func:`eva_mm.apis.own_data.use_data_root`.
        gpu_memory: GiB of one GPU.
        gpus: How many.

    Raises:
        UserError: There is no such recipe, or it does not fit.
        FileNotFoundError, ValueError: The folder is not in the format; the sentence names the file.
    """
    recipes = find_task(task).recipes
    if size not in recipes:
        raise UserError(f'There is no recipe for {task} {size}: choose from {", ".join(recipes) or "none"}.')
    recipe = recipes[size]
    if gpus < 1 or gpu_memory <= 0:
        raise UserError(f'A config needs at least one GPU with memory, got {gpus} of {gpu_memory:g} GiB.')
    base = shipped_root() / 'configs' / recipe.config
    cfg = Config.fromfile(base)
    found = use_data_root(cfg, data_root)
    with DefaultScope.overwrite_default_scope(cfg.default_scope):
        samples = len(DATASETS.build(cfg.train_dataloader.dataset))
    made = NewConfig(base, Path(data_root).resolve())
    made.reasons += [f'Data: {found}', f'{samples} training samples. Recipe: {recipe.config}, batch {recipe.batch}.']
    made.settings['own_data'] = str(made.data_root)
    measured, budget = MeasuredConfig(cfg), gpu_memory * (1 - FREE_SHARE)
    target = max(gpus, min(recipe.batch, samples, max(MIN_BATCH, samples // MIN_STEPS_PER_EPOCH)))
    batch, with_cp = _choose_batch(measured, gpus, max(1, target // gpus), budget)
    accumulated = math.ceil(target / (batch * gpus))
    batch = math.ceil(target / (accumulated * gpus))
    effective = batch * gpus * accumulated
    lr = float(f'{cfg.optim_wrapper.optimizer.lr * math.sqrt(effective / recipe.batch):.3g}')
    made.settings |= dict(
        model=dict(backbone=dict(with_cp=with_cp)),
        train_dataloader=dict(batch_size=batch),
        optim_wrapper=dict(optimizer=dict(lr=lr)),
    )
    if cfg.get('strategy'):
        made.settings['strategy'] = dict(gradient_accumulation_steps=accumulated)
    else:
        made.settings['optim_wrapper'] = dict(accumulative_counts=accumulated, optimizer=dict(lr=lr))
    fewer = '' if target == recipe.batch else f", smaller than the recipe's because an epoch has {samples} samples"
    made.reasons += [
        f'Batch: {batch} on each of {gpus} GPUs x {accumulated} accumulated = {effective}{fewer}.',
        f'Memory: {_peak(measured, gpus, batch, with_cp):.1f} GiB measured without data ({measured.precision}, ZeRO '
        f'stage {measured.stage}); {budget:.1f} of {gpu_memory:g} GiB are for it, the rest for losses and workspaces.',
        f'Activation checkpointing: {"on, nothing fits without" if with_cp else "off, it fits without"}.',
        f"Learning rate: {lr:g}, the recipe's {cfg.optim_wrapper.optimizer.lr:g} times the root of {effective} / "
        f'{recipe.batch}.',
    ]
    if recipe.samples:
        made.settings |= _length(cfg, recipe, samples / (batch * gpus))
        made.reasons.append(f'Length: {made.settings["train_cfg"]["max_iters"]} iterations, the epochs of the recipe.')
    return made
