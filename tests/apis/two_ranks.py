"""Several trainings in one group of processes; started by test_two_ranks.py.

    torchrun --nproc_per_node=2 tests/apis/two_ranks.py JOBS.json OUT.json

A job names a config, its options and where it starts. What each rank saw goes to ``OUT.json.RANK``.
"""

import json
import os
import sys
from pathlib import Path

import torch
from mmengine.hooks import Hook

import eva_mm  # noqa: F401  its compat hooks come before any host
from eva_mm.apis.options import TrainOptions, parse_cfg_options
from eva_mm.apis.train import prepare_training
from eva_mm.process import begin_rank

PROBE = 'blocks.0.mlp.fc1.weight'


class Record(Hook):
    """A weight of the trunk before the first step, all losses, and the sum of all weights at the end."""

    priority = 'LOWEST'

    def __init__(self):
        self.seen = dict(losses=[])

    def before_train(self, runner):
        """The weight."""
        self.seen['start'] = next(w.float().sum().item() for n, w in runner.model.named_parameters() if PROBE in n)

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        """The loss."""
        self.seen['losses'].append(float(outputs['loss']))

    def after_train(self, runner):
        """The sum."""
        self.seen['wrapper'] = type(runner.optim_wrapper).__name__
        self.seen['end'] = sum(weight.double().sum().item() for weight in runner.model.parameters())


def train(job: dict) -> dict:
    """What one job gave, or the first line of its error."""
    record = Record()
    try:
        options = dict(job, cfg_options=parse_cfg_options(job['cfg_options']), launcher='pytorch', seed=0)
        runner = prepare_training(TrainOptions(**options))
        runner.register_hook(record)
        runner.train()
    except Exception as error:
        record.seen['error'] = f'{type(error).__name__}: {str(error)[:300]}'
    return record.seen


if __name__ == '__main__':
    begin_rank()
    jobs = json.loads(Path(sys.argv[1]).read_text())
    torch.set_num_threads(1)
    seen = {name: train(job) for name, job in jobs.items()}
    Path(f'{sys.argv[2]}.{os.environ["RANK"]}').write_text(json.dumps(seen))
