"""A toy training with workers that test_signals.py stops: python signalled_run.py WORK_DIR [resume]."""

import sys
from pathlib import Path

from eva_mm.process import begin_training

begin_training()
print('started', flush=True)

import torch  # noqa: E402
from long_run_toy import Record, build  # noqa: E402
from mmengine.dist import get_rank  # noqa: E402

WORLD = 2


class Marks(Record):
    """Says how far this rank is, and which processes its workers are."""

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        """One line."""
        Path(runner.work_dir, f'rank{get_rank()}.txt').write_text(f'{runner.iter + 1}')


if __name__ == '__main__':
    torch.set_num_threads(1)
    if torch.distributed.is_torchelastic_launched():
        torch.distributed.init_process_group('gloo')
    hooks = [dict(type='eva_mm.PreemptionHook')]
    build(Path(sys.argv[1]), Marks(), workers=1, steps=80_000, interval=100_000, hooks=hooks).train()
