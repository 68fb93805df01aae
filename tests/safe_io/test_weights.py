"""Checkpoint files: what they are, whether they are whole, what their values are; and no code of them runs."""

import io
import os
import pickle
import zipfile

import numpy as np
import pytest
import torch
from hostile import Call, evil_checkpoint, evil_pickle, flipped, saved, tensor_place
from safetensors.torch import save

from eva_mm.checkpoint.save import write_weights
from eva_mm.safe_io.weights import (
    UnsafeCheckpointError,
    find_corruption,
    force_weights_only,
    read_weights,
    value_problem,
    weights_only,
)

WEIGHTS = {'a.weight': torch.linspace(-1, 1, 1000), 'b': torch.arange(7), 'half': torch.ones(3, dtype=torch.bfloat16)}


@pytest.mark.parametrize('name', ['x.pth', 'x.pt', 'x.safetensors', 'wrong.safetensors', 'wrong.pth'])
def test_a_file_is_read_as_what_it_is_whatever_its_name(name, tmp_path):
    is_safetensors = name in ('x.safetensors', 'wrong.pth')
    (tmp_path / name).write_bytes(save(WEIGHTS) if is_safetensors else saved(WEIGHTS))
    read = read_weights(tmp_path / name)
    assert read.keys() == WEIGHTS.keys() and all(torch.equal(read[key], WEIGHTS[key]) for key in read)
    assert find_corruption(tmp_path / name) == ''


def test_the_length_of_a_safetensors_header_is_no_pickle(tmp_path):
    # a header of 128 bytes begins like a pickle
    content = save({'w': torch.zeros(2)}, {'padding': 'x' * 7})
    length = int.from_bytes(content[:8], 'little')
    header = content[8 : 8 + length].rstrip()
    padded = header + b' ' * (128 - len(header))
    (tmp_path / 'x.safetensors').write_bytes((128).to_bytes(8, 'little') + padded + content[8 + length :])
    assert read_weights(tmp_path / 'x.safetensors')['w'].tolist() == [0, 0]


@pytest.mark.parametrize(
    'content, message',
    [
        (b'', r'is empty \(0 bytes\)'),
        (b'<!DOCTYPE html><html><head><title>Sign in</title>', 'is a web page, not a checkpoint'),
        (b'\xef\xbb\xbf\n<HTML>', 'is a web page'),
        (b'version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n', 'is a pointer of Git LFS'),
        (b'../../.git/annex/objects/Xx/Yy/SHA256E-s1--ab.pth', 'is a pointer of git-annex'),
        (b'<?xml version="1.0"?><Error><Code>AccessDenied</Code>', 'is an XML document'),
        (b'{"message": "Not Found"}', 'is a JSON text'),
        (b'hello world\n', 'is a text, not a checkpoint'),
        (b'\x1f\x8b\x08\x00rest', 'is a gzip archive; unpack it'),
        (b'\x89PNG\r\n\x1a\n', 'is an image'),
        (b'\x89HDF\r\n\x1a\n', 'is an HDF5 file'),
        (os.urandom(300) + b'\0', 'cannot be read|is refused'),
    ],
)
@pytest.mark.parametrize('suffix', ['.pth', '.safetensors'])
def test_what_is_no_checkpoint_is_named_as_what_it_is(content, message, suffix, tmp_path):
    (tmp_path / f'x{suffix}').write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read_weights(tmp_path / f'x{suffix}')
    assert '\n' not in find_corruption(tmp_path / f'x{suffix}')


def test_archives_that_are_no_checkpoint(tmp_path):
    with zipfile.ZipFile(tmp_path / 'a.pth', 'w') as archive:
        archive.writestr('readme.txt', 'x')
    with pytest.raises(ValueError, match='a zip archive without a checkpoint in it'):
        read_weights(tmp_path / 'a.pth')
    torch.jit.save(torch.jit.script(torch.nn.Linear(1, 1)), tmp_path / 'b.pth')
    with pytest.raises(ValueError, match='it is a TorchScript program'):
        read_weights(tmp_path / 'b.pth')


def test_a_compressed_member_could_be_a_bomb(tmp_path):
    with zipfile.ZipFile(io.BytesIO(saved(WEIGHTS))) as sound, zipfile.ZipFile(tmp_path / 'x.pth', 'w') as archive:
        for member in sound.infolist():
            archive.writestr(member.filename, sound.read(member), zipfile.ZIP_DEFLATED)
    with pytest.raises(ValueError, match='compressed, which torch never does'):
        read_weights(tmp_path / 'x.pth')


def test_a_file_without_checksums_is_read(tmp_path):
    before = torch.serialization.get_crc32_options()
    torch.serialization.set_crc32_options(False)
    try:
        (tmp_path / 'x.pth').write_bytes(saved(WEIGHTS))
    finally:
        torch.serialization.set_crc32_options(before)
    assert torch.equal(read_weights(tmp_path / 'x.pth')['b'], WEIGHTS['b'])


@pytest.mark.parametrize('suffix', ['.pth', '.pt', '.safetensors'])
@pytest.mark.parametrize('bit', [0, 6])
def test_one_wrong_bit_of_a_weight_is_found(suffix, bit, tmp_path):
    path = write_weights(WEIGHTS, tmp_path / f'x{suffix}', 'state_dict' if suffix != '.safetensors' else '')
    assert find_corruption(path) == ''
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(flipped(content, tensor_place(content, WEIGHTS['a.weight']), bit))
    with pytest.raises(ValueError, match='checksum .*is wrong'):
        read_weights(path)
    assert 'is wrong' in find_corruption(path)


def test_a_wrong_bit_anywhere_is_found_or_changes_nothing(tmp_path):
    path = write_weights(WEIGHTS, tmp_path / 'x.pth', 'state_dict')
    content = path.read_bytes()
    rng = np.random.default_rng(0)
    for number in range(300):
        path.unlink()
        path.write_bytes(flipped(content, int(rng.integers(len(content))), int(rng.integers(8))))
        try:
            read = read_weights(path)['state_dict']
        except ValueError as error:
            assert '\n' not in str(error) and find_corruption(path), number
        else:
            assert all(torch.equal(read[key], WEIGHTS[key]) for key in WEIGHTS), number


@pytest.mark.parametrize('function', [os.mkdir, os.system, eval, getattr, open])
def test_code_does_not_run(function, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arguments = (dict, 'pop') if function is getattr else ('touch made',)
    torch.save({'a': Call(function, *arguments)}, tmp_path / 'x.pth')
    (tmp_path / 'y.pth').write_bytes(evil_pickle(tmp_path / 'made'))
    for name in ('x.pth', 'y.pth'):
        with pytest.raises(UnsafeCheckpointError, match='reading those can run code'):
            read_weights(name)
    assert sorted(path.name for path in tmp_path.iterdir()) == ['x.pth', 'y.pth']


def test_a_tensor_may_not_be_larger_than_its_file(tmp_path):
    torch.save({'w': torch.zeros(1).expand(2**40)}, tmp_path / 'x.pth')
    with pytest.raises(ValueError, match='declares a tensor of the shape'):
        read_weights(tmp_path / 'x.pth')
    torch.save({'w': torch.empty(2**40, device='meta')}, tmp_path / 'y.pth')
    with pytest.raises(ValueError, match='cannot be read|declares'):
        read_weights(tmp_path / 'y.pth')


def test_pipes_and_directories_are_not_read(tmp_path):
    os.mkfifo(tmp_path / 'x.pth')
    with pytest.raises(ValueError, match='named pipe'):
        read_weights(tmp_path / 'x.pth')
    with pytest.raises(ValueError, match='is a directory'):
        read_weights(tmp_path)
    assert 'not found' in find_corruption(tmp_path / 'gone.pth')


def test_torch_load_is_restricted_whoever_calls_it(tmp_path, monkeypatch):
    monkeypatch.setenv('TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD', '1')
    path, canary = evil_checkpoint(tmp_path / 'x.pth', tmp_path / 'made'), tmp_path / 'made'
    with weights_only(), pytest.raises(pickle.UnpicklingError):
        torch.load(path, weights_only=False)
    assert os.environ['TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD'] == '1' and not canary.exists()
    monkeypatch.setenv('TORCH_FORCE_WEIGHTS_ONLY_LOAD', '0')
    force_weights_only()
    with pytest.raises(pickle.UnpicklingError):
        torch.load(path, weights_only=False)
    assert not canary.exists()


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.complex64])
@pytest.mark.parametrize('value', [float('nan'), float('inf'), -float('inf')])
def test_values_that_no_weight_can_have_are_named(dtype, value):
    weights = {'sound': torch.ones(5), 'blocks.0.bad': torch.ones(5).to(dtype)}
    assert value_problem(weights) == ''
    weights['blocks.0.bad'][3] = value
    assert value_problem(weights) == '1 weights hold NaN or infinite values: blocks.0.bad'


def test_large_values_are_sound():
    # their sum overflows
    assert value_problem({'a': torch.full((1000,), 6e4, dtype=torch.float16)}) == ''
    assert value_problem({'a': torch.full((1000,), 3e38)}) == ''


def test_integers_and_complex_numbers_are_named_where_floats_belong():
    target = {'w': torch.zeros(2), 'steps': torch.tensor(1)}
    for wrong, kind in ((torch.ones(2, dtype=torch.int64), 'integers'), (torch.ones(2).to(torch.complex64), 'complex')):
        assert value_problem({'w': wrong, 'steps': torch.tensor(3)}, target).startswith(f'1 weights hold {kind}')
    assert value_problem({'w': torch.ones(2).half(), 'steps': torch.tensor(3)}, target) == ''


def test_control_characters_in_names_are_escaped(tmp_path):
    problem = value_problem({'a\x1b[2J': torch.tensor(float('nan'))})
    assert '\x1b' not in problem and '\\x1b[2J' in problem
