"""A nano pre-training run on 200 files, of which 100 are broken or odd in known numbers."""

import csv
import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import torch
from mmengine.registry import DefaultScope

from eva_mm.apis import build_runner
from eva_mm.apis.config import load_config

open_clip = pytest.importorskip('open_clip')
pytest.importorskip('mmpretrain')

ROOT = Path(__file__).parents[3]
RANKS = ('-m', 'torch.distributed.run', '--standalone', '--nproc_per_node=2')

# in the folder, in the tar shard, in the zip file
PLANTED = {
    'truncated': (5, 4, 3),
    'empty': (4, 3, 2),
    'no image': (3, 2, 2),
    'too many pixels': (2, 2, 1),
    'undecodable': (3, 2, 2),
    'wrong extension': (4, 3, 2),
    'cmyk': (4, 3, 2),
    '16-bit': (3, 2, 2),
    'animated': (3, 2, 2),
    'rotated': (4, 3, 2),
    'tiny': (3, 2, 2),
    'elongated': (2, 2, 1),
}
SIZES = (80, 70, 50)
NAMES = ('folder', 'shard', 'zipped')
REPLACED = ('truncated', 'empty', 'no image', 'too many pixels', 'undecodable')


def _files(source, make):
    """200 files over all sources; where the broken ones are follows from their kind."""
    kinds = [kind for kind, numbers in PLANTED.items() for _ in range(numbers[source])]
    kinds += ['sound'] * (SIZES[source] - len(kinds))
    return {
        f'{number * 37 % SIZES[source]:03}{make.suffixes[kind]}': make(kind, 1000 * source + number)
        for number, kind in enumerate(kinds)
    }


@pytest.fixture
def planted(tmp_path, make, write_files):
    for source, path in enumerate(('folder', 'shards/00000.tar', 'set.zip')):
        write_files(tmp_path / 'data' / path, _files(source, make))
    return tmp_path / 'data'


@pytest.fixture
def teacher(tmp_path):
    config = dict(
        embed_dim=8,
        vision_cfg=dict(image_size=84, layers=1, width=16, head_width=8, patch_size=14),
        text_cfg=dict(context_length=8, vocab_size=64, width=16, heads=2, layers=1),
    )
    folder = tmp_path / 'teacher'
    folder.mkdir()
    (folder / 'open_clip_config.json').write_text(json.dumps({'model_cfg': config, 'preprocess_cfg': {}}))
    torch.save(open_clip.CLIP(**config).state_dict(), folder / 'open_clip_pytorch_model.bin')
    return folder


@pytest.fixture
def write_config(planted, teacher, tmp_path):
    """Write a config of two epochs on the planted files; ``hook`` are options of the hook."""

    def write(name, batch_size=20, workers=0, start=None, hook=None):
        sources = dict(_delete_=True, folder='folder', shard='shards/*.tar', zipped='set.zip')
        lines = [
            f'_base_ = [{str(ROOT / "configs/nano/pretrain.py")!r}]',
            f'work_dir, experiment_name, randomness = {str(tmp_path / name)!r}, {name!r}, dict(seed=1)',
            f'resume, load_from = {start is not None}, {start and str(start)!r}',
            'val_cfg = val_dataloader = val_evaluator = None',
            'train_cfg = dict(max_epochs=2)',
            f'train_dataloader = dict(batch_size={batch_size}, num_workers={workers},',
            f'    persistent_workers={workers > 0},',
            f'    dataset=dict(data_root={str(planted)!r}, sources={sources}))',
            f'model = dict(head=dict(out_channels=8), target_generator=dict(model="local-dir:{teacher}"))',
            'custom_hooks = [dict(type="eva_mm.StepSeedHook"),',
            f'    dict(type="eva_mm.FaultHook", **{hook or dict(max_fraction=1.0)})]',
        ]
        path = tmp_path / f'{name}.py'
        path.write_text('\n'.join(lines))
        return path

    return write


@pytest.fixture
def train(write_config):
    """Train in this process; data are loaded by as many others as asked for."""

    def run(name, **options):
        with DefaultScope.overwrite_default_scope('mmpretrain'):
            build_runner(load_config(str(write_config(name, **options)))).train()

    return run


def _logged(work_dir, tmp_path):
    """Of each epoch: how many images were replaced, of how many, and counts by source and kind."""
    text = '\n'.join(path.read_text() for path in (tmp_path / work_dir).glob('*/*.log'))
    line = r'Epoch \d: (\d+) of (\d+) samples were replaced; found: (.*?) \(.*\); see broken_samples.csv'
    epochs = re.findall(line, text)
    parsed = []
    for replaced, seen, found in epochs:
        counts = {}
        for part in found.split('; '):
            source, kinds = part.split(': ')
            for entry in kinds.split(', '):
                number, kind = entry.split(' ', 1)
                counts[source, kind] = int(number)
        parsed.append((int(replaced), int(seen), counts))
    return parsed


EXACT = {(name, kind): numbers[source] for source, name in enumerate(NAMES) for kind, numbers in PLANTED.items()}


def _check_exact(name, tmp_path):
    expected_replaced = sum(sum(PLANTED[kind]) for kind in REPLACED)
    for replaced, seen, counts in (epochs := _logged(name, tmp_path)):
        assert (replaced, seen) == (expected_replaced, 200)
        assert counts == EXACT
    assert len(epochs) == 2
    with open(tmp_path / name / 'broken_samples.csv', newline='') as file:
        rows = list(csv.DictReader(file))
    assert Counter((row['source'], row['kind']) for row in rows) == EXACT
    assert len({row['name'] for row in rows}) == len(rows)


@pytest.mark.parametrize('workers', [0, 2])
def test_counts_are_exact_and_every_image_is_listed_once(train, tmp_path, workers):
    train('run', workers=workers)
    _check_exact('run', tmp_path)
    log = next((tmp_path / 'run').glob('*/*.log')).read_text()
    assert '200 images: folder 80, shard 70, zipped 50.' in log


def test_two_ranks_count_together(write_config, tmp_path):
    config = write_config('ranks', workers=2, batch_size=10)
    command = [sys.executable, *RANKS, 'tools/train.py', str(config), '--launcher', 'pytorch']
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr[-3000:]
    _check_exact('ranks', tmp_path)


def test_too_much_broken_stops_the_run_with_one_sentence(train, tmp_path):
    sentence = r'^\d+ of 100 samples could not be used \(folder: .* more than max_fraction=0.05: mend [^\n]*$'
    with pytest.raises(SystemExit, match=sentence):
        train('stopped', hook=dict(min_samples=100, max_fraction=0.05, interval=1))
    assert (tmp_path / 'stopped' / 'broken_samples.csv').is_file()


def test_a_resumed_run_replaces_by_the_same_images(train, tmp_path):
    train('whole')
    train('rest', start=tmp_path / 'whole' / 'epoch_1.pth')
    whole, rest = (torch.load(tmp_path / name / 'epoch_2.pth', weights_only=False) for name in ('whole', 'rest'))
    for key, value in whole['state_dict'].items():
        torch.testing.assert_close(rest['state_dict'][key], value, rtol=0, atol=0)
