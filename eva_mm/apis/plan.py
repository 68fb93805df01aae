"""The plan of a training run from its config: what ``tools/analysis_tools/plan_training.py`` prints."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from eva_mm.apis.errors import UserError
from eva_mm.apis.memory_account import Setting, account_of_trunk, mim_head_bytes, training_grid
from eva_mm.apis.training_plan import STAGES, StageMemory, Weights, days_to_train, memory_of_stage, trunk_flops
from eva_mm.models.backbones import EVAViT
from eva_mm.registry import MODELS

GIB = 2**30


@dataclass(frozen=True)
class TrainingPlan:
    """Numbers of a training run.

    Args:
        gpus: How many GPUs.
        batch_size: Images on each.
        grid: Patches of an image, or of a clip.
        weights: Parameters of model and teacher.
        student_flops: Of one image forward.
        teacher_flops: Of one image forward.
        images: Images that the whole run sees; ``None`` where the config does not tell.
        stage: ZeRO stage of the config.
        memory: ``(stage, checkpointed)`` to the memory of one GPU.
        precision: Stage to the precision that it is accounted in.
        frozen_trunk: No part of the trunk is trained.
    """

    gpus: int
    batch_size: int
    grid: tuple[int, ...]
    weights: Weights
    student_flops: int
    teacher_flops: int
    images: int | None
    stage: int
    memory: dict[tuple[int, bool], StageMemory]
    precision: dict[int, str]
    frozen_trunk: bool = False

    def train_flops(self, checkpointed: bool = False) -> int:
        """Operations of one training image: forward, twice that backward, once more to recompute, the teacher."""
        passes = 1 if self.frozen_trunk else 4 if checkpointed else 3
        return passes * self.student_flops + self.teacher_flops

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


def _build(cfg: Config) -> nn.Module:
    model = cfg.model.copy()
    # no part of the account, and mixing clips draws from a distribution that the meta device lacks
    model.pop('data_preprocessor', None)
    with DefaultScope.overwrite_default_scope(cfg.get('default_scope')), torch.device('meta'):
        return MODELS.build(model)


def _trunk(model: nn.Module) -> EVAViT:
    for module in model.modules():
        if isinstance(module, EVAViT):
            if hasattr(module, 'spm'):
                break
            return module
    raise UserError(
        f'The memory account knows plain, windowed, masked and video trunks of eva_mm, and {type(model).__name__} has '
        'none of them: plan one of these, or measure a few steps instead.'
    )


def _teacher(cfg: Config) -> tuple[int, int]:
    """Parameters and forward FLOPs of the CLIP teacher of a config, (0, 0) without one."""
    target = cfg.model.get('target_generator')
    if not target or 'CLIPTeacher' not in target.get('type', ''):
        return 0, 0
    import open_clip

    if target.model.startswith('local-dir:') or open_clip.get_model_config(target.model) is None:
        raise UserError(
            f'The teacher {target.model!r} is no model of open_clip, so its size is unknown: '
            'name one of the same size with --cfg-options model.target_generator.model=NAME.'
        )
    with torch.device('meta'):
        visual = open_clip.create_model(target.model, pretrained=None, device='meta').visual
        side = visual.image_size
        images = torch.zeros(1, 3, *(side if isinstance(side, tuple) else (side, side)))
        with FlopCounterMode(display=False) as counter:
            visual(images)
    return sum(p.numel() for p in visual.parameters()), counter.get_total_flops()


def _hidden_patches(cfg: Config) -> int:
    """Hidden patches of one image as the data pipeline or the backbone draws them."""
    for step in cfg.train_dataloader.dataset.get('pipeline', ()):
        if 'num_masked' in step:
            return step.num_masked
    return 0


def _head_bytes(cfg: Config, trunk: EVAViT, grid: tuple[int, ...], setting: Setting) -> int:
    head = cfg.model.get('head') or {}
    if 'MaskedFeatureHead' not in str(head.get('type')):
        return 0
    ratio = getattr(trunk, 'mask_ratio', None)
    hidden = _hidden_patches(cfg) if ratio is None else round(ratio * torch.Size(grid).numel())
    return mim_head_bytes(hidden, head.embed_dims, head.out_channels, setting)


def _precision(cfg: Config) -> str:
    strategy = cfg.get('strategy') or {}
    if any((strategy.get(kind) or {}).get('enabled') for kind in ('fp16', 'bf16')):
        return 'half'
    return 'amp' if 'Amp' in cfg.optim_wrapper.get('type', '') else 'fp32'


def _images(cfg: Config, batch: int, per_epoch: int | None) -> int | None:
    if cfg.train_cfg.get('max_iters'):
        return cfg.train_cfg.max_iters * batch
    return per_epoch and per_epoch * cfg.train_cfg.max_epochs


def _grid(trunk: EVAViT, image_size: Sequence[int] | None) -> tuple[int, ...]:
    grid = training_grid(trunk)
    if not image_size:
        return grid
    sides = tuple(image_size)
    if len(sides) < len(grid):
        sides = sides[:-1] + (sides[-1],) * (len(grid) - len(sides) + 1)
    patch = trunk.patch_embed.patch_size
    if len(sides) != len(grid) or any(side < p or side % p for side, p in zip(sides, patch)):
        raise UserError(f'--image-size {" ".join(map(str, image_size))} cannot be cut into patches of {patch}.')
    return tuple(side // p for side, p in zip(sides, patch))


def plan_training(
    cfg: Config,
    gpus: int,
    *,
    batch_size: int | None = None,
    image_size: Sequence[int] | None = None,
    images_per_epoch: int | None = None,
) -> TrainingPlan:
    """Plan the training that a config describes.

    Stage 0 is accounted in the config's own precision, DDP without a strategy; the other stages are DeepSpeed's, whose
    counterpart of autocast is half precision weights.

    Args:
        cfg: Config with a model that has an EVA trunk.
        gpus: How many GPUs.
        batch_size: Images on one GPU; default that of the train loader.
        image_size: Pixels, or frames and pixels; default what the backbone is built for.
        images_per_epoch: Needed for days where the config counts epochs.

    Raises:
        UserError: No EVA trunk that the account knows, no training in the config, or impossible sizes.
    """
    if not cfg.get('train_dataloader') or not cfg.get('train_cfg') or gpus < 1:
        raise UserError(f'A plan needs a config that trains and at least one GPU, got {gpus} GPUs.')
    model = _build(cfg)
    trunk = _trunk(model)
    grid = _grid(trunk, image_size)
    batch_size = batch_size or cfg.train_dataloader.batch_size
    teacher, teacher_flops = _teacher(cfg)
    weights = Weights.of(model, teacher)
    own = _precision(cfg)
    precision = {stage: 'half' if stage and own == 'amp' else own for stage in STAGES}
    options = (cfg.get('strategy') or {}).get('zero_optimization') or {}
    memory = {}
    for stage in STAGES:
        setting = Setting(batch_size, precision[stage])
        head = _head_bytes(cfg, trunk, grid, setting)
        for checkpointed in (False, True):
            account = account_of_trunk(trunk, setting, grid=grid, with_cp=checkpointed)
            memory[stage, checkpointed] = memory_of_stage(
                stage, weights, account, gpus, setting, head=head, options=options
            )
    return TrainingPlan(
        gpus,
        batch_size,
        grid,
        weights,
        trunk_flops(trunk, grid),
        teacher_flops,
        _images(cfg, batch_size * gpus, images_per_epoch),
        options.get('stage', 0),
        memory,
        precision,
        not any(p.requires_grad for p in trunk.parameters()),
    )
