import io
import json
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

SCRIPT = str(Path(__file__).parent / 'stream_run.py')
RANKS = ('-m', 'torch.distributed.run', '--standalone', '--nproc_per_node=2')


@pytest.fixture(scope='module')
def shards(tmp_path_factory):
    """Four shards of 28-pixel noise; sample 3 is no image."""
    folder, rng = tmp_path_factory.mktemp('shards'), np.random.default_rng(0)
    for shard, size in enumerate((13, 9, 11, 15)):
        with tarfile.open(folder / f'{shard}.tar', 'w') as tar:
            for number in range(size):
                buffer = io.BytesIO()
                Image.fromarray(rng.integers(0, 256, (28, 28, 3), np.uint8)).save(buffer, 'png')
                content = b'no image' if (shard, number) == (1, 3) else buffer.getvalue()
                for suffix, data in (('png', content), ('txt', f'shard {shard} number {number}'.encode())):
                    member = tarfile.TarInfo(f'{shard}-{number}.{suffix}')
                    member.size = len(data)
                    tar.addfile(member, io.BytesIO(data))
    return folder


def _train(*args, python_args=()) -> list[dict]:
    command = [sys.executable, *python_args, SCRIPT, *map(str, args)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr[-3000:]
    return json.loads(run.stdout.split('STEPS ')[1].splitlines()[0])


@pytest.fixture(scope='module')
def whole(shards, tmp_path_factory):
    work_dir = tmp_path_factory.mktemp('whole')
    return _train(shards, work_dir, '--save-at', 7), work_dir


def test_two_ranks_see_and_learn_what_one_does(shards, whole, tmp_path):
    ranks = _train(shards, tmp_path, '--batch-size', 4, python_args=RANKS)
    assert [step['loss'] for step in ranks] == pytest.approx([step['loss'] for step in whole[0]], abs=1e-4)
    assert all(set(one['keys']) < set(both['keys']) for one, both in zip(ranks, whole[0]))


def test_a_stopped_run_goes_on_with_the_next_sample(shards, whole, tmp_path):
    steps, work_dir = whole
    rest = _train(shards, tmp_path, '--resume', work_dir / 'iter_7.pth')
    assert [step['keys'] for step in rest] == [step['keys'] for step in steps[7:]]
    assert [step['loss'] for step in rest] == pytest.approx([step['loss'] for step in steps[7:]], abs=1e-5)


def test_a_run_of_another_loop(shards, whole, tmp_path):
    import torch

    checkpoint = torch.load(whole[1] / 'iter_7.pth', weights_only=False)
    del checkpoint['message_hub']['runtime_info']['stream_places']
    checkpoint['message_hub']['resumed_keys'].pop('stream_places', None)
    torch.save(checkpoint, tmp_path / 'other.pth')
    command = [sys.executable, SCRIPT, str(shards), str(tmp_path), '--resume', str(tmp_path / 'other.pth')]
    run = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert run.returncode != 0 and 'does not say how far the data was read' in run.stderr
