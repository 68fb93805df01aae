"""Train toy models with DeepSpeed; started by test_strategy.py.

    torchrun --nproc_per_node=2 toy.py JOBS.json RESULTS.pth

JOBS.json maps names to keyword arguments of `run`, RESULTS.pth the names to what `run` returned.
"""

import json
import os
import sys

import torch
from mmengine.config import ConfigDict
from mmengine.dist import is_main_process
from mmengine.evaluator import BaseMetric
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.registry import DATASETS, METRICS, MODELS
from mmengine.runner import FlexibleRunner
from torch import nn

from eva_mm.engine.deepspeed.fp32_weights import fp32_weights
from eva_mm.layers import Attention, Block, Mlp
from eva_mm.process import begin_rank

BATCH_SIZE = 2  # for each process


class Backbone(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Linear(5, 7)
        self.block = nn.Linear(7, 7)

    def get_layer_depth(self, name, prefix=''):
        if not name.startswith(prefix):
            return 2, 3
        return (0 if name[len(prefix) :].startswith('embed') else 1), 3

    def forward(self, x):
        return torch.nn.functional.gelu(self.block(torch.nn.functional.gelu(self.embed(x))))


@MODELS.register_module()
class ToyStudent(BaseModel):
    def __init__(self, drop_rate=0.0):
        super().__init__()
        self.drop = nn.Dropout(drop_rate)
        self.backbone = Backbone()
        self.head = nn.Linear(7, 3)
        self.teacher = nn.Linear(5, 3).requires_grad_(False)

    def init_weights(self):
        generator = torch.Generator().manual_seed(0)
        for param in self.parameters():
            param.data.normal_(0, 0.5, generator=generator)

    def forward(self, inputs, mode='tensor'):
        error = (self.head(self.drop(self.backbone(inputs))).float() - self.teacher(inputs).float()).square()
        return {'loss': error.mean()} if mode == 'loss' else [error.mean(dim=1)]


class BlockBackbone(nn.Module):
    """Two of EVA's blocks; the five numbers are five tokens."""

    def __init__(self, with_cp):
        super().__init__()
        self.embed = nn.Linear(1, 8)
        self.blocks = nn.ModuleList(Block(8, Attention(8, 2), Mlp(8, 16), with_cp=with_cp) for _ in range(2))
        self.readout = nn.Linear(8, 7)

    def get_layer_depth(self, name, prefix=''):
        return (0 if name.startswith(f'{prefix}embed') else 1), 3

    def forward(self, x):
        x = self.embed(x.unsqueeze(-1))
        for block in self.blocks:
            x = block(x, (5,))
        return self.readout(x.mean(dim=1))


@MODELS.register_module()
class ToyBlocks(ToyStudent):
    def __init__(self, with_cp=False):
        super().__init__()
        self.backbone = BlockBackbone(with_cp)


@DATASETS.register_module()
class ToyPoints(torch.utils.data.Dataset):
    metainfo = {}

    def __init__(self):
        self.points = torch.randn(64, 5, generator=torch.Generator().manual_seed(1))

    def __len__(self):
        return len(self.points)

    def __getitem__(self, index):
        return {'inputs': self.points[index]}


@METRICS.register_module()
class MeanError(BaseMetric):
    def process(self, data_batch, data_samples):
        self.results.extend(error.tolist() for error in data_samples)

    def compute_metrics(self, results):
        errors = [value for values in results for value in values]
        return {'error': sum(errors) / len(errors)}


class Recorder(Hook):
    """Note loss, rate and fp32 weights after each step, and the metrics of each validation."""

    priority = 'LOWEST'

    def __init__(self):
        self.record = {key: [] for key in ('loss', 'lr', 'weights', 'loss_scale', 'metrics')}

    def before_train(self, runner):
        self._note(runner)

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        self.record['lr'].append([group['lr'] for group in runner.optim_wrapper.param_groups])

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        self.record['loss'].append(outputs['loss'].item())
        self._note(runner)

    def after_val_epoch(self, runner, metrics=None):
        scalars = runner.message_hub.log_scalars
        origin = scalars.get('val/error_origin')
        self.record['metrics'].append((metrics['error'], origin and float(origin.current())))

    def _note(self, runner):
        weights = fp32_weights(runner.model)
        local = weights.local()
        whole = {n: weights.assemble(n, local.get(n)).cpu().clone() for n in weights.params}
        self.record['weights'].append(whole)
        optimizer = runner.optim_wrapper.optimizer
        self.record['loss_scale'].append(float(getattr(optimizer, 'cur_scale', 1.0)))


def run(
    work_dir,
    iters=4,
    stop=None,
    interval=1000,
    strategy=None,
    resume=False,
    load_from=None,
    evaluate=False,
    lr=1e-2,
    save_optimizer=True,
    ema=None,
    drop_rate=0.0,
    fused=None,
    model=None,
    hooks=(),
):
    """Train up to iteration `stop` of `iters`, or evaluate, and return the recorder's record."""
    loader = dict(
        dataset=dict(type='ToyPoints'),
        batch_size=BATCH_SIZE,
        collate_fn=dict(type='default_collate'),
    )
    validation = dict(loader, sampler=dict(type='DefaultSampler', shuffle=False))
    recorder = Recorder()
    training = dict(
        train_dataloader=dict(loader, sampler=dict(type='InfiniteSampler', shuffle=False)),
        train_cfg=dict(by_epoch=False, max_iters=stop or iters, val_interval=1000),
        optim_wrapper=dict(
            type='DeepSpeedOptimWrapper',
            optimizer=dict(type='AdamW', lr=lr, weight_decay=0.05, fused=fused),
            constructor='eva_mm.LayerDecayOptimWrapperConstructor',
            paramwise_cfg=dict(layer_decay_rate=0.5, flat_decay_mult=0.0),
        ),
        param_scheduler=dict(type='eva_mm.EVACosineLR', by_epoch=False, warmup_iters=3, eta_min_ratio=0.1, end=iters),
    )
    hooks = [recorder, dict(type='eva_mm.StepSeedHook'), *hooks]
    if ema is not None:
        hooks.append(dict(type='eva_mm.FP32EMAHook', **ema))
    runner = FlexibleRunner(
        model=model or dict(type='ToyStudent', drop_rate=drop_rate),
        work_dir=work_dir,
        **({} if evaluate else training),
        val_dataloader=validation,
        val_cfg=dict(),
        val_evaluator=dict(type='MeanError'),
        strategy=ConfigDict(type='eva_mm.EVADeepSpeedStrategy', **(strategy or {})),
        default_hooks=dict(
            checkpoint=dict(
                type='CheckpointHook',
                by_epoch=False,
                interval=interval,
                save_optimizer=save_optimizer,
                save_last=False,
            )
        ),
        custom_hooks=hooks,
        load_from=load_from,
        resume=resume,
        launcher='pytorch' if 'RANK' in os.environ else 'none',
        randomness=dict(seed=0),
        log_level='WARNING',
        experiment_name=f'{work_dir}-{resume}-{evaluate}',
    )
    if evaluate:
        runner.val()
    else:
        runner.train()
    return recorder.record


if __name__ == '__main__':
    begin_rank()
    with open(sys.argv[1]) as jobs_file:
        jobs = json.load(jobs_file)
    results = {}
    for name, job in jobs.items():
        results[name] = run(**job)
    if is_main_process():
        torch.save(results, sys.argv[2])
