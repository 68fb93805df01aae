"""The line that a run starts with, and the expected time."""

import re

import pytest
import torch
from mmengine.model import BaseModel
from mmengine.runner import Runner
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

from eva_mm.engine import RunSummaryHook


class Toy(BaseModel):
    def __init__(self):
        super().__init__()
        self.backbone = torch.nn.Linear(2, 3)
        self.head = torch.nn.Linear(3, 1).requires_grad_(False)

    def forward(self, inputs, mode):
        return {'loss': self.head(self.backbone(torch.stack(inputs))).sum()}


class Stream(IterableDataset):
    def __iter__(self):
        while True:
            yield [torch.ones(2)]


def _collate(samples):
    return dict(inputs=[sample[0] for sample in samples])


@pytest.fixture
def train(tmp_path, caplog):
    """Train a toy and return what was logged."""

    def run(max_iters, dataset=None, accumulated=4):
        dataset = dataset or TensorDataset(torch.ones(1200, 2))
        runner = Runner(
            model=Toy(),
            work_dir=str(tmp_path),
            train_dataloader=DataLoader(dataset, batch_size=5, collate_fn=_collate),
            optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1), accumulative_counts=accumulated),
            train_cfg=dict(by_epoch=False, max_iters=max_iters),
            # mmengine's own asks for the length of the data set
            default_hooks=dict(logger=None),
            experiment_name=f'summary_{tmp_path.name}',
        )
        runner.register_hook(RunSummaryHook(skipped=2, timed=3))
        runner.train()
        return (tmp_path / runner.timestamp / f'{runner.timestamp}.log').read_text()

    return run


def test_the_first_line_has_what_is_trained(train):
    text = train(8)
    assert (
        'Training Toy with Linear, 13 parameters (9 trained); 1,200 training samples; effective batch 20 = 5 samples x '
        '1 ranks x 4 accumulated; 8 iterations; expected time: known after 5 of them.'
    ) in text
    # six iterations pass until three intervals after the second are known: 3, 4 and 5
    assert re.search(r'Expected time: 0 seconds for the 3 iterations left, [\de.-]+ seconds each, without val', text)


def test_a_short_run_and_a_stream_promise_nothing(train):
    text = train(3, Stream(), accumulated=1)
    assert 'a stream of training samples; effective batch 5 =' in text
    assert '3 iterations; expected time: too few to tell, it needs 5.' in text
    assert 'Expected time' not in text
