"""Which checkpoint a run goes on from, and one line for every file that it cannot."""

import gzip
import os
import pickle
import zipfile
from argparse import Namespace
from types import SimpleNamespace

import pytest
import torch
from long_run_toy import build, train

from eva_mm.apis.errors import UserError
from eva_mm.apis.resume import choose_checkpoint


@pytest.fixture
def runner(tmp_path):
    """As much of a runner as the choice needs, with two checkpoints."""
    for step in (3, 6):
        torch.save({'weights': torch.arange(100)}, tmp_path / f'iter_{step}.pth')
    (tmp_path / 'last_checkpoint').write_text(str(tmp_path / 'iter_6.pth'))
    return SimpleNamespace(work_dir=str(tmp_path), _load_from=None, _resume=True, load_or_resume=None)


def _truncate(file):
    file.write_bytes(file.read_bytes()[:-50])


def test_the_newest_sound_checkpoint_is_resumed(runner, tmp_path):
    choose_checkpoint(runner)
    assert runner._load_from == str(tmp_path / 'iter_6.pth') and runner._resume
    _truncate(tmp_path / 'iter_6.pth')
    runner._load_from = None
    choose_checkpoint(runner)
    assert runner._load_from == str(tmp_path / 'iter_3.pth') and runner._resume


def test_a_run_without_a_checkpoint_starts(runner, tmp_path):
    for file in tmp_path.iterdir():
        file.unlink()
    choose_checkpoint(runner)
    assert runner._load_from is None and not runner._resume


def test_damaged_ones_alone_are_one_sentence(runner, tmp_path):
    for step in (3, 6):
        _truncate(tmp_path / f'iter_{step}.pth')
    with pytest.raises(UserError, match='No checkpoint of .* is sound'):
        choose_checkpoint(runner)


class Runs:
    """Would leave a file behind if a pickle were run."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def _zip(path, **members):
    with zipfile.ZipFile(path, 'w') as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def _rewritten(good, path, change):
    content = torch.load(good, weights_only=False)
    torch.save(change(content) or content, path)


def _flip(good, path, at):
    content = bytearray(good.read_bytes())
    content[int(at * len(content))] ^= 0x20
    path.write_bytes(content)


# name -> function of a sound checkpoint and of the path of the bad one
BAD = {
    'nothing': lambda good, path: None,
    'empty': lambda good, path: path.write_bytes(b''),
    'one byte': lambda good, path: path.write_bytes(b'P'),
    'text': lambda good, path: path.write_text('version https://git-lfs.github.com/spec/v1'),
    'html': lambda good, path: path.write_text('<!DOCTYPE html><html>404</html>'),
    'zeros': lambda good, path: path.write_bytes(bytes(5000)),
    'half': lambda good, path: path.write_bytes(good.read_bytes()[: good.stat().st_size // 2]),
    'tail': lambda good, path: path.write_bytes(good.read_bytes()[100:]),
    'gzipped': lambda good, path: path.write_bytes(gzip.compress(good.read_bytes())),
    'a plain pickle': lambda good, path: path.write_bytes(pickle.dumps({'state_dict': {}})),
    'an old torch file': lambda good, path: torch.save({'a': 1}, path, _use_new_zipfile_serialization=False),
    'a zip of text': lambda good, path: _zip(path, readme='text'),
    'an empty zip': lambda good, path: _zip(path),
    'a zip with half a pickle': lambda good, path: _zip(path, **{'a/data.pkl': b'\x80\x02}q\x00', 'a/version': '3'}),
    'a directory': lambda good, path: path.mkdir(),
    'a directory of weights': lambda good, path: (path.mkdir(), torch.save({}, path / 'a.pth')),
    'a pipe': lambda good, path: os.mkfifo(path),
    'a link to itself': lambda good, path: path.symlink_to(path.name),
    'a list': lambda good, path: torch.save([1, 2], path),
    'a tensor': lambda good, path: torch.save(torch.zeros(3), path),
    'weights alone': lambda good, path: torch.save(torch.load(good, weights_only=False)['state_dict'], path),
    'no optimizer': lambda good, path: _rewritten(good, path, lambda c: void(c.pop('optimizer'))),
    'no message hub': lambda good, path: _rewritten(good, path, lambda c: void(c.pop('message_hub'))),
    'no meta': lambda good, path: _rewritten(good, path, lambda c: void(c.pop('meta'))),
    'meta without iter': lambda good, path: _rewritten(good, path, lambda c: void(c['meta'].pop('iter'))),
    'meta is a list': lambda good, path: _rewritten(good, path, lambda c: c.update(meta=[])),
    'weights are a list': lambda good, path: _rewritten(good, path, lambda c: c.update(state_dict=[1])),
    'a weight is missing': lambda good, path: _rewritten(good, path, lambda c: void(c['state_dict'].popitem())),
    'a weight is a number': lambda good, path: _rewritten(
        good, path, lambda c: c['state_dict'].update({'linear.bias': 3})
    ),
    'another shape': lambda good, path: _rewritten(
        good, path, lambda c: c['state_dict'].update({'linear.bias': torch.zeros(7)})
    ),
    'optimizer of another model': lambda good, path: _rewritten(
        good, path, lambda c: c['optimizer']['param_groups'][0].update(params=[0])
    ),
    'optimizer is a number': lambda good, path: _rewritten(good, path, lambda c: c.update(optimizer=3)),
    'message hub is text': lambda good, path: _rewritten(good, path, lambda c: c.update(message_hub='x')),
    'code': lambda good, path: _rewritten(good, path, lambda c: c.update(x=Runs(path.parent / 'canary'))),
    'code in an old torch file': lambda good, path: torch.save(
        Runs(path.parent / 'canary'), path, _use_new_zipfile_serialization=False
    ),
    'a class of a host': lambda good, path: _rewritten(good, path, lambda c: c.update(x=Namespace(a=1))),
    **{
        f'a flipped bit at {at}': lambda good, path, at=at: _flip(good, path, at)
        for at in (0.02, 0.1, 0.3, 0.5, 0.9, 0.99)
    },
}


def void(_):
    """Nothing, whatever an expression gives."""


@pytest.fixture(scope='module')
def good(tmp_path_factory):
    folder = tmp_path_factory.mktemp('good')
    train(folder, die_after=4)
    return folder / 'iter_3.pth'


@pytest.mark.parametrize('what', BAD)
def test_every_bad_file_is_one_sentence(good, tmp_path, what):
    path = tmp_path / 'given.pth'
    BAD[what](good, path)
    runner = build(tmp_path / 'run')
    runner._load_from, runner._resume = str(path), True
    with pytest.raises(UserError) as caught:
        choose_checkpoint(runner)
        runner.train()
    sentence = str(caught.value)
    assert str(path) in sentence and '\n' not in sentence and len(sentence) < 700
    assert 'weights_only' not in sentence, 'no advice to turn safety off'
    assert not (tmp_path / 'canary').exists()
    assert runner.iter in (0, 3) and not list((tmp_path / 'run').glob('*.pth')), 'nothing was trained'


def test_a_sound_one_is_resumed(good, tmp_path):
    runner = build(tmp_path, steps=8)
    runner._load_from, runner._resume = str(good), True
    choose_checkpoint(runner)
    runner.train()
    assert runner.iter == 8 and (tmp_path / 'iter_6.pth').exists()


def test_another_global_batch_is_one_sentence(good, tmp_path):
    runner = build(tmp_path)
    runner._train_dataloader['batch_size'] = 8
    runner._load_from, runner._resume = str(good), True
    choose_checkpoint(runner)
    with pytest.raises(UserError, match='saved with 4 samples an iteration, this run has 8'):
        runner.train()
