"""A tiny model, random augmentation and a runner, for the tests of long runs."""

import random
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from mmengine.evaluator import BaseMetric, Evaluator
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.optim import OptimWrapper
from mmengine.runner import Runner

from eva_mm.engine.long_run.checkpoint_store import newest_sound


class Points(torch.utils.data.Dataset):
    """32 points augmented with Python's, NumPy's and torch's random numbers; notes what was read."""

    def __init__(self):
        self.read = []

    def __len__(self):
        return 32

    def __getitem__(self, index):
        self.read.append(index)
        noise = [random.random(), np.random.rand(), torch.rand(1).item(), index / 32]
        return {'inputs': torch.tensor(noise, dtype=torch.float32)}


class Student(BaseModel):
    """A linear layer with dropout."""

    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(4, 3)
        for param in self.parameters():
            torch.nn.init.ones_(param)

    def forward(self, inputs, mode='tensor'):
        if mode == 'predict':
            return [dict(mean=value) for value in self.linear(inputs).mean(1).tolist()]
        dropped = torch.nn.functional.dropout(self.linear(inputs), 0.5, self.training)
        return {'loss': dropped.float().square().mean()}


class MeanPrediction(BaseMetric):
    """Mean of all predictions; notes every validation, also one that was not finished."""

    def __init__(self):
        super().__init__()
        self.begun = 0

    def process(self, data_batch, data_samples):
        """Keep one number a sample."""
        self.begun += not self.results
        self.results += [sample['mean'] for sample in data_samples]

    def compute_metrics(self, results):
        """Their mean."""
        return dict(mean=sum(results) / len(results))


class BF16OptimWrapper(OptimWrapper):
    """Mixed precision on a CPU, which mmengine's AmpOptimWrapper refuses."""

    @contextmanager
    def optim_context(self, model):
        """Autocast the forward pass."""
        with super().optim_context(model), torch.autocast('cpu', torch.bfloat16):
            yield


class Record(Hook):
    """Losses and batches by iteration; dies after one, as a killed process would."""

    priority = 'LOWEST'

    def __init__(self, die_after=None):
        self.die_after = die_after
        self.losses, self.batches = {}, {}

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        """Note the step."""
        self.losses[runner.iter] = outputs['loss'].item()
        self.batches[runner.iter] = (batch_idx, data_batch['inputs'].tolist())
        if runner.iter + 1 == self.die_after:
            raise KeyboardInterrupt


def build(
    work_dir: Path,
    record=None,
    loop='epoch',
    resume=False,
    hooks=(),
    workers=0,
    amp=False,
    steps=24,
    validate=0,
    accumulate=1,
    **saving,
):
    """A runner of 8 iterations an epoch that saves every third, and validates after so many epochs or iterations."""
    length = dict(max_epochs=steps // 8) if loop == 'epoch' else dict(max_iters=steps)
    validation = {}
    if validate:
        length['val_interval'] = validate
        loader = dict(dataset=Points(), batch_size=4, sampler=dict(type='DefaultSampler', shuffle=False))
        loader['collate_fn'] = dict(type='default_collate')
        validation = dict(val_dataloader=loader, val_cfg=dict(), val_evaluator=Evaluator(MeanPrediction()))
    types = dict(epoch='eva_mm.ResumableEpochLoop', iter='eva_mm.ResumableIterLoop')
    optimizer = dict(type='AdamW', lr=0.01)
    model = Student()
    wrapper = dict(optimizer=optimizer, accumulative_counts=accumulate)
    if amp:
        wrapper = BF16OptimWrapper(torch.optim.AdamW(model.parameters(), lr=0.01))
    return Runner(
        model=model,
        work_dir=str(work_dir),
        train_dataloader=dict(
            dataset=Points(),
            batch_size=4,
            num_workers=workers,
            persistent_workers=workers > 0,
            sampler=dict(type='DefaultSampler' if loop == 'epoch' else 'InfiniteSampler', shuffle=True),
            collate_fn=dict(type='default_collate'),
        ),
        train_cfg=dict(type=types[loop], **length),
        **validation,
        optim_wrapper=wrapper,
        param_scheduler=dict(type='LinearLR', start_factor=0.1, end=20, by_epoch=False),
        default_hooks=dict(
            checkpoint=dict(
                type='eva_mm.SafeCheckpointHook',
                **{'by_epoch': False, 'interval': 1 if saving.get('by_epoch') else 3, 'max_keep_ckpts': 3, **saving},
            )
        ),
        custom_hooks=[*([record] if record else []), dict(type='eva_mm.StepSeedHook'), *hooks],
        load_from=newest_sound(work_dir) if resume else None,
        resume=resume,
        randomness=dict(seed=3),
        experiment_name=f'{work_dir}-{resume}-{random.random()}',
        log_level='WARNING',
    )


def train(work_dir, die_after=None, **options) -> Record:
    """Train, or until it dies."""
    record = Record(die_after)
    runner = build(work_dir, record, **options)
    try:
        runner.train()
    except KeyboardInterrupt:
        pass
    record.weights = {name: value.clone() for name, value in runner.model.state_dict().items()}
    record.runner = runner
    return record
