"""The plan of a training run from its config: what ``tools/analysis_tools/plan_training.py`` prints."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from mmengine.config import Config
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from eva_mm.apis.errors import UserError
from eva_mm.apis.planning.fake import build_without_data
from eva_mm.apis.planning.memory import StepMemory, measure_step
from eva_mm.apis.planning.steps import training_step
from eva_mm.apis.planning.zero import STAGES, StageMemory, Weights, days_to_train, memory_of_stage
from eva_mm.layers import WindowAttention
from eva_mm.models.backbones import EVAViT

GIB = 2**30


@dataclass(frozen=True)
class TrainingPlan:
    """Numbers of a training run.

    Args:
        gpus: How many GPUs.
        batch_size: Images on each.
        grid: Patches of an image, or of a clip.
        weights: Parameters of model and teacher.
        student_flops: Of one image forward, heads included.
        teacher_flops: Of one image forward.
        step_flops: Of one image forward and backward, by whether activations are checkpointed.
        images: Images that the whole run sees; ``None`` where the config does not tell.
        stage: ZeRO stage of the config.
        memory: ``(stage, checkpointed)`` to the memory of one GPU.
        precision: Stage to the precision that it is planned in.
    """

    gpus: int
    batch_size: int
    grid: tuple[int, ...]
    weights: Weights
    student_flops: float
    teacher_flops: float
    step_flops: dict[bool, float]
    images: int | None
    stage: int
    memory: dict[tuple[int, bool], StageMemory]
    precision: dict[int, str]

    def train_flops(self, checkpointed: bool = False) -> float:
        """Operations of one training image: forward and backward pass, and the teacher."""
        return self.step_flops[checkpointed] + self.teacher_flops

    def describe(self, gpu_memory: float) -> str:
        """Sizes, and a table of memory against ``gpu_memory`` GiB."""
        lines = [
            f'batch             {self.batch_size} on each of {self.gpus} GPUs = {self.batch_size * self.gpus}, '
            f'{" x ".join(map(str, self.grid))} patches',
            f'parameters        {self.weights.trained:,} trained, {self.weights.frozen:,} frozen, '
            f'{self.weights.teacher:,} of the teacher',
            f'FLOPs per image   forward {self.student_flops / 1e9:,.1f} G, teacher {self.teacher_flops / 1e9:,.1f} G, '
            f'training {self.train_flops() / 1e9:,.1f} G ({self.train_flops(True) / 1e9:,.1f} G with checkpointing)',
            f'GiB per GPU of {gpu_memory:g}',
            '  ZeRO  precision  checkpointing   peak  at the',
        ]
        for (stage, checkpointed), memory in self.memory.items():
            mark = '*' if stage == self.stage else ' '
            note = '  does not fit' if memory.peak / GIB > gpu_memory else ''
            lines.append(
                f'{mark} {stage}     {self.precision[stage]:9}  {"yes" if checkpointed else "no":13}  '
                f'{memory.peak / GIB:5.1f}  {memory.peak_moment}{note}'
            )
        parts = self.memory[self.stage, False].parts
        listed = ', '.join(f'{name} {size / GIB:.2f}' for name, size in parts.items() if size / GIB >= 0.005)
        return '\n'.join([*lines, f'* the config; without checkpointing: {listed}'])

    def describe_days(self, peak_tflops: float, mfu: float, days: float | None = None) -> str:
        """Days at a share of the peak, and the share that ``days`` would mean."""
        if self.images is None:
            return 'days              unknown: the config counts epochs, so give --images-per-epoch'
        peak = (self.gpus, peak_tflops)
        plain, again = (days_to_train(self.images * self.train_flops(cp), *peak, mfu) for cp in (False, True))
        text = (
            f'days              {plain:.1f} at an MFU of {mfu:.1%} of {peak_tflops:g} TFLOP/s '
            f'({again:.1f} with checkpointing) for {self.images:,} images'
        )
        if days:
            share = days_to_train(self.images * self.train_flops(), *peak, 1.0) / days
            text += f'\n                  {days:g} days are an MFU of {share:.1%}'
        return text


def _trunk(model: nn.Module) -> EVAViT | None:
    return next((module for module in model.modules() if isinstance(module, EVAViT)), None)


def _training_grid(trunk: EVAViT) -> tuple[int, ...]:
    """Grid of patch tokens that a backbone is built for: its largest relative table, else its positions."""
    grid = tuple(trunk.grid)
    for block in trunk.blocks:
        relative = getattr(block.attn, 'rel_pos', None)
        if hasattr(relative, 'h') and not isinstance(block.attn, WindowAttention):
            grid = tuple((table.shape[0] + 1) // 2 for table in (relative.h, relative.w))
    return grid


def _sides(model: Any, image_size: Sequence[int] | None) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Pixels, or frames and pixels, of an input, and its patches."""
    trunk = _trunk(model)
    if trunk is None:
        raise UserError(f'{type(model).__name__} has no backbone of eva_mm: plan a config that has one.')
    patch, grid = trunk.patch_embed.patch_size, _training_grid(trunk)
    sides = tuple(image_size or (tokens * p for tokens, p in zip(grid, patch)))
    if len(sides) < len(grid):
        sides = sides[:-1] + (sides[-1],) * (len(grid) - len(sides) + 1)
    if len(sides) != len(grid) or any(side < p or side % p for side, p in zip(sides, patch)):
        raise UserError(f'--image-size {" ".join(map(str, sides))} is not divisible by the patch size {patch}.')
    return sides, tuple(side // p for side, p in zip(sides, patch))


def _teacher(cfg: Config) -> tuple[int, float]:
    """Parameters and forward FLOPs of the CLIP teacher of a config, (0, 0) without one."""
    target = cfg.model.get('target_generator')
    if not target or 'CLIPTeacher' not in target.get('type', ''):
        return 0, 0
    import open_clip

    if target.model.startswith('local-dir:') or open_clip.get_model_config(target.model) is None:
        raise UserError(
            f'The teacher {target.model!r} is not a model of open_clip, so its size is unknown: '
            'name one of the same size with --cfg-options model.target_generator.model=NAME.'
        )
    with torch.device('meta'):
        visual = open_clip.create_model(target.model, pretrained=None, device='meta').visual
        side = visual.image_size
        images = torch.zeros(1, 3, *(side if isinstance(side, tuple) else (side, side)))
        with FlopCounterMode(display=False) as counter:
            visual(images)
    return sum(p.numel() for p in visual.parameters()), counter.get_total_flops()


class MeasuredConfig:
    """The model of a config and what its training step holds, each setting measured once.

    Args:
        cfg: Config with a backbone of eva_mm.
        image_size: Pixels, or frames and pixels; default what the backbone is built for.

    Attributes:
        weights: Parameters of model and teacher.
        grid: Patches of an input.
        precision: Of the config: ``'fp32'``, ``'amp'`` or ``'half'``.
        stage: ZeRO stage of the config.
        options: DeepSpeed's ``zero_optimization``.

    Raises:
        UserError: No backbone of eva_mm, or an impossible size.
    """

    def __init__(self, cfg: Config, image_size: Sequence[int] | None = None) -> None:
        self.cfg = cfg
        self.model = build_without_data(cfg)
        self.sides, self.grid = _sides(self.model, image_size)
        teacher, self.teacher_flops = _teacher(cfg)
        self.weights = Weights.of(self.model, teacher)
        self.precision = _precision(cfg)
        self.options = (cfg.get('strategy') or {}).get('zero_optimization') or {}
        self.stage = self.options.get('stage', 0)
        self._steps: dict[tuple[int, str, bool], StepMemory] = {}

    def step(self, batch_size: int, precision: str, checkpointed: bool) -> StepMemory:
        """The training step of one GPU, with or without activation checkpointing of the backbone."""
        key = batch_size, precision, checkpointed
        if key not in self._steps:
            model = copy.deepcopy(self.model)
            for module in _trunk(model).modules():
                if hasattr(module, 'with_cp'):
                    module.with_cp = checkpointed
            self._steps[key] = measure_step(model, training_step(self.cfg, model, self.sides), batch_size, precision)
        return self._steps[key]

    def memory(self, stage: int, batch_size: int, gpus: int, checkpointed: bool) -> StageMemory:
        """One GPU under a ZeRO stage; 0 in the config's own precision, the others in DeepSpeed's counterpart of it."""
        precision = self.precision_of(stage)
        step = self.step(batch_size, precision, checkpointed)
        return memory_of_stage(stage, self.weights, step, gpus, precision, options=self.options)

    def precision_of(self, stage: int) -> str:
        """DeepSpeed's counterpart of autocast is half precision weights."""
        return 'half' if stage and self.precision == 'amp' else self.precision


def _precision(cfg: Config) -> str:
    strategy = cfg.get('strategy') or {}
    if any((strategy.get(kind) or {}).get('enabled') for kind in ('fp16', 'bf16')):
        return 'half'
    return 'amp' if 'Amp' in cfg.optim_wrapper.get('type', '') else 'fp32'


def _images(cfg: Config, batch: int, per_epoch: int | None) -> int | None:
    if cfg.train_cfg.get('max_iters'):
        return cfg.train_cfg.max_iters * batch
    return per_epoch and per_epoch * cfg.train_cfg.max_epochs


def plan_training(
    cfg: Config,
    gpus: int,
    *,
    batch_size: int | None = None,
    image_size: Sequence[int] | None = None,
    images_per_epoch: int | None = None,
) -> TrainingPlan:
    """Plan the training that a config describes.

    Stage 0 is planned in the config's own precision, DDP without a strategy; the other stages are DeepSpeed's, whose
    counterpart of autocast is half precision weights.

    Args:
        cfg: Config with a backbone of eva_mm.
        gpus: How many GPUs.
        batch_size: Images on one GPU; default that of the train loader.
        image_size: Pixels, or frames and pixels; default what the backbone is built for.
        images_per_epoch: Needed for days where the config counts epochs.

    Raises:
        UserError: No backbone of eva_mm, no training in the config, or impossible sizes.
    """
    if not cfg.get('train_dataloader') or not cfg.get('train_cfg') or gpus < 1:
        raise UserError(f'A plan needs a config that trains and at least one GPU, got {gpus} GPUs.')
    measured = MeasuredConfig(cfg, image_size)
    batch_size = batch_size or cfg.train_dataloader.batch_size
    own = measured.precision_of(measured.stage)
    steps = {checkpointed: measured.step(batch_size, own, checkpointed) for checkpointed in (False, True)}
    return TrainingPlan(
        gpus,
        batch_size,
        measured.grid,
        measured.weights,
        steps[False].forward_flops / batch_size,
        measured.teacher_flops,
        {checkpointed: step.flops / batch_size for checkpointed, step in steps.items()},
        _images(cfg, batch_size * gpus, images_per_epoch),
        measured.stage,
        {
            (stage, checkpointed): measured.memory(stage, batch_size, gpus, checkpointed)
            for stage in STAGES
            for checkpointed in (False, True)
        },
        {stage: measured.precision_of(stage) for stage in STAGES},
    )
