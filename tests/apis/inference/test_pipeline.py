"""Hostile inputs of inference: none starts a program, waits or fills the memory, and the others are answered."""

import os

import numpy as np
import pytest
from hostile import EPS, fake_ghostscript, png


@pytest.fixture(scope='module')
def classifier(nano):
    return nano('classification')


@pytest.fixture
def hostile(tmp_path):
    (tmp_path / 'eps.jpg').write_bytes(EPS)
    (tmp_path / 'strip.png').write_bytes(png(60_000, 1))
    (tmp_path / 'bomb.png').write_bytes(png(20_000, 9_000))
    os.mkfifo(tmp_path / 'pipe.jpg')
    (tmp_path / 'device.png').symlink_to('/dev/zero')
    (tmp_path / 'self.png').symlink_to(tmp_path / 'self.png')
    return tmp_path


MESSAGES = {
    'eps.jpg': 'no known image format', 'strip.png': 'max_ratio', 'bomb.png': 'pixels', 'pipe.jpg': 'a named pipe',
    'device.png': 'a character device', 'self.png': 'a symbolic link to itself',
}  # fmt: skip


def test_each_input_has_its_error_and_the_others_their_answer(classifier, hostile, photos, monkeypatch):
    canary = fake_ghostscript(hostile, monkeypatch)
    results = classifier([*(hostile / name for name in MESSAGES), photos / 'china.png'], pictures=False)
    for result, message in zip(results, MESSAGES.values()):
        assert message in result.error and '\n' not in result.error
    assert results[-1].prediction and not canary.exists()


@pytest.mark.parametrize('task', ['detection', 'segmentation'])
def test_other_tasks_read_through_the_same_door(task, nano, hostile, monkeypatch):
    canary = fake_ghostscript(hostile, monkeypatch)
    results = nano(task)([hostile / name for name in MESSAGES], pictures=False)
    assert all(message in result.error for result, message in zip(results, MESSAGES.values()))
    assert not canary.exists()


def test_pixels_in_memory_are_bounded_as_well(classifier):
    (result,) = classifier(np.zeros((1, 60_000, 3), np.uint8))
    assert 'max_ratio' in result.error


def test_control_characters_in_names_are_escaped(classifier, tmp_path):
    path = tmp_path / 'x\x1b[2J\r.jpg'
    path.write_bytes(b'no image')
    (result,) = classifier(path)
    assert '\x1b' not in result.error and '\\x1b[2J' in result.error


def test_a_folder_says_what_it_leaves_out(classifier, tmp_path, capsys):
    from eva_mm.apis.inference import find_inputs

    (tmp_path / 'a.png').write_bytes(png(30, 20))
    (tmp_path / 'notes.txt').touch()
    (tmp_path / 'here').symlink_to(tmp_path)
    (tmp_path / 'self.png').symlink_to(tmp_path / 'self.png')
    assert len(find_inputs([tmp_path])) == 1
    told = capsys.readouterr().err
    assert '1 links to directories' in told and '1 links to themselves' in told and 'notes.txt' in told
