"""Every task trains in two processes from a released file, plain and with a strategy: one group for all of them."""

import importlib.util
import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
from nano_pretraining import make_inputs

from eva_mm.checkpoint import export_state_dict
from eva_mm.models.backbones.eva_pretrain_vit import EVAPretrainViT

ROOT = Path(__file__).parents[2]
LIGHT = ['val_cfg=None', 'val_dataloader=None', 'val_evaluator=None', 'train_dataloader.num_workers=0']
LIGHT += ['train_dataloader.persistent_workers=False', 'train_dataloader.batch_size=2']
EPOCH = ['train_cfg.max_epochs=1', 'param_scheduler.warmup_epochs=0']
ITERATIONS = ['train_cfg.max_iters=2']
# task -> folder of data, options
TASKS = {
    'classification': ('class_folders', EPOCH),
    'classification_linear': ('class_folders', EPOCH),
    'detection': ('coco', ITERATIONS),
    'segmentation': ('label_maps', ITERATIONS),
    'video': ('video_folders', EPOCH),
    'video_finetune': ('video_folders', ['train_cfg.max_epochs=1', 'model.cls_head.start_from=None']),
    'pretrain': (None, EPOCH),
    'pretrain_deepspeed': (None, EPOCH),
    'clip': (None, [*ITERATIONS, 'param_scheduler.warmup_iters=0']),
}
WITH_STRATEGY = ('pretrain_deepspeed',)
# the others train in fp32
WITH_AMP = ('detection', 'segmentation', 'video', 'video_finetune', 'clip')


def _shards(folder: Path) -> list[str]:
    """Two tar shards of the images with captions."""
    for shard in range(2):
        with tarfile.open(folder / f'{shard}.tar', 'w') as tar:
            for index in range(4 * shard, 4 * shard + 4):
                (folder / 'images' / f'{index}.txt').write_text(f'number {index}')
                for suffix in ('png', 'txt'):
                    tar.add(folder / 'images' / f'{index}.{suffix}', f'{index}.{suffix}')
    return [f'train_dataloader.dataset.{key}={value}' for key, value in (('data_root', folder), ('shards', '*.tar'))]


@pytest.fixture(scope='module')
def seen(tmp_path_factory, own_folders):
    """What both ranks saw of each task, and the sum of the weight in the file."""
    root = tmp_path_factory.mktemp('two')
    trunk = EVAPretrainViT(arch='nano', img_size=84)
    trunk.init_weights()
    weights = {f'backbone.{name}': weight for name, weight in trunk.state_dict().items()}
    torch.save({'model': export_state_dict(weights, 'released').state_dict}, root / 'released.pt')
    pretraining = make_inputs(root / 'pretrain', 8)
    jobs = {}
    for task, (maker, options) in TASKS.items():
        if task in WITH_STRATEGY and importlib.util.find_spec('deepspeed') is None:
            continue
        trunk_key = 'visual' if task == 'clip' else 'backbone'
        options = [*LIGHT, *options, f'model.{trunk_key}.init_cfg=None']
        if maker is None:
            options += _shards(root / 'pretrain') if task == 'clip' else pretraining
        elif not (root / maker).exists():
            getattr(own_folders, maker)(root / maker)
        jobs[task] = dict(
            config=f'configs/nano/{task}.py',
            data_root=maker and str(root / maker),
            cfg_options=options,
            amp=task in WITH_AMP,
            load_from=str(root / 'released.pt'),
            work_dir=str(root / 'runs' / task),
        )
    (root / 'jobs.json').write_text(json.dumps(jobs))
    command = [
        sys.executable, '-m', 'torch.distributed.run', '--nproc_per_node=2', '--rdzv-backend=c10d',
        '--rdzv-endpoint=localhost:0', 'tests/apis/two_ranks.py', str(root / 'jobs.json'), str(root / 'out.json'),
    ]  # fmt: skip
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, 'OMP_NUM_THREADS': '1'}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    (root / 'log').write_text(done.stdout + done.stderr)
    ranks = [json.loads((root / f'out.json.{rank}').read_text()) for rank in range(2)]
    return ranks, trunk.blocks[0].mlp.fc1.weight.sum().item()


@pytest.mark.parametrize('task', TASKS)
def test_both_ranks_train_from_the_file_and_stay_equal(seen, task):
    ranks, expected = seen
    first, second = (rank[task] for rank in ranks)
    assert 'error' not in first and 'error' not in second, (first, second)
    assert first['start'] == second['start'] == pytest.approx(expected, rel=1e-4)
    assert first['end'] == second['end'] and np.isfinite(first['losses'] + second['losses']).all()
    assert (first['wrapper'] == 'CPUAmpOptimWrapper') == (task in WITH_AMP)
