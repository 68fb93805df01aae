"""Damage of all kinds to checkpoints of real runs: it is found, or it changes nothing of what is loaded."""

import random

import pytest
import torch
from long_run_toy import train

from eva_mm.engine.long_run.corruption import find_corruption, iteration_of


@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory):
    folder = tmp_path_factory.mktemp('run')
    train(folder, die_after=4)
    return folder / 'iter_3.pth'


def _equal(one, other):
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_equal(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(_equal(a, b) for a, b in zip(one, other))
    if isinstance(one, torch.Tensor):
        return one.dtype == other.dtype and torch.equal(one, other)
    # statistics of the log
    return True if type(one).__name__ == 'HistoryBuffer' else one == other


def _damaged(content, seed):
    draw = random.Random(seed)
    content = bytearray(content)
    kind = draw.choice(('bit', 'bit', 'bit', 'cut', 'zeros', 'inserted', 'moved'))
    at = draw.randrange(len(content))
    if kind == 'bit':
        content[at] ^= 1 << draw.randrange(8)
    elif kind == 'cut':
        del content[at:]
    elif kind == 'zeros':
        content[at : at + 512] = bytes(len(content[at : at + 512]))
    elif kind == 'inserted':
        content[at:at] = draw.randbytes(draw.randint(1, 70))
    else:
        content[at : at + 100], content[:100] = content[:100], content[at : at + 100]
    return bytes(content)


def test_damage_is_found_or_changes_nothing(checkpoint, tmp_path):
    sound = torch.load(checkpoint, weights_only=True)
    path, found = tmp_path / 'iter_3.pth', 0
    for seed in range(600):
        path.write_bytes(_damaged(checkpoint.read_bytes(), seed))
        why = find_corruption(path)
        if why is None:
            assert _equal(torch.load(path, weights_only=True), sound), seed
            continue
        found += 1
        assert why.isprintable() and len(why) < 300, seed
        assert iteration_of(path) in (-1, 3), seed
    assert found > 300


@pytest.mark.parametrize(
    'change, why',
    [
        (lambda path: path.unlink(), 'it is not there'),
        (lambda path: path.write_bytes(b'x'), '1 bytes that are no complete archive'),
        (lambda path: torch.save([1], path), 'it holds a list, expected a dict'),
        (lambda path: torch.save({'a': random.Random}, path), 'torch cannot load it: Weights only load failed'),
    ],
)
def test_what_is_wrong_is_said(checkpoint, tmp_path, change, why):
    path = tmp_path / 'iter_3.pth'
    path.write_bytes(checkpoint.read_bytes())
    assert find_corruption(path) is None and iteration_of(path) == 3
    change(path)
    assert why in find_corruption(path) and iteration_of(path) == -1
