"""Damaged, malicious and absurd checkpoints are refused with a sentence, and none of their code runs."""

import io
import os
import pickle
import zipfile

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from eva_mm.checkpoint import convert_state_dict, read_checkpoint
from eva_mm.models.backbones import EVAViT
from eva_mm.tasks import TASKS
from tests.helpers.fuzzing import REFUSALS, damaged, fuzz, is_sentence

ARCH = dict(embed_dims=8, num_layers=2, num_heads=2, feedforward_channels=16)


def small_model():
    return EVAViT(arch=ARCH, img_size=28, patch_size=14)


def written(content, **kwargs):
    buffer = io.BytesIO()
    torch.save(content, buffer, **kwargs)
    return buffer.getvalue()


def sound_files():
    weights = {name: tensor.clone() for name, tensor in small_model().state_dict().items()}
    from safetensors.torch import save

    checkpoint = {'model': weights, 'epoch': 3}
    return {
        '.pth': written(checkpoint),
        '.pt': written(checkpoint, _use_new_zipfile_serialization=False),
        '.safetensors': save(weights),
    }


SOUND = sound_files()
TARGET = {name: tensor.clone() for name, tensor in small_model().state_dict().items()}


def read_and_convert(path, task='classification'):
    return convert_state_dict(read_checkpoint(path), task, target=TARGET, grid=(2, 2))


@pytest.mark.parametrize('suffix', SOUND)
def test_the_files_themselves_are_sound(suffix, tmp_path):
    path = tmp_path / f'file{suffix}'
    path.write_bytes(SOUND[suffix])
    assert not read_and_convert(path).report.missing


@pytest.mark.parametrize('suffix', SOUND)
def test_damaged_bytes(suffix, tmp_path):
    path = tmp_path / f'file{suffix}'

    @fuzz
    @given(damaged(SOUND[suffix]))
    def check(content):
        # mapped files must not be written to
        path.unlink(missing_ok=True)
        path.write_bytes(content)
        try:
            read_and_convert(path)
        except REFUSALS as error:
            assert is_sentence(error)

    check()


@pytest.mark.parametrize('suffix', SOUND)
def test_bytes_that_are_no_checkpoint(suffix, tmp_path):
    path = tmp_path / f'file{suffix}'

    @fuzz
    @given(st.one_of(st.binary(max_size=200), st.binary(max_size=50).map(lambda tail: b'PK\x03\x04' + tail),
                     st.binary(max_size=50).map(lambda tail: b'\x80\x02' + tail)))  # fmt: skip
    def check(content):
        path.unlink(missing_ok=True)
        path.write_bytes(content)
        with pytest.raises(REFUSALS) as refused:
            read_and_convert(path)
        assert is_sentence(refused.value)

    check()


class Attack:
    """Runs a command when it is unpickled without care."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize('zipped', [True, False])
@pytest.mark.parametrize('function', [os.system, os.mkdir, eval, exec, getattr, io.open, __import__])
def test_code_in_a_checkpoint_does_not_run(function, zipped, tmp_path):
    trace = tmp_path / 'trace'
    argument = {os.system: f'touch {trace}', os.mkdir: str(trace), io.open: str(trace)}.get(
        function, f'open({str(trace)!r}, "w")'
    )
    arguments = {getattr: (os, 'getcwd'), io.open: (argument, 'w'), __import__: ('this',)}.get(function, (argument,))
    if function is getattr:
        arguments = (torch.Tensor, 'numpy')
    checkpoint = {'model': dict(TARGET), 'evil': Attack(function, *arguments)}
    path = tmp_path / 'evil.pth'
    path.write_bytes(written(checkpoint, _use_new_zipfile_serialization=zipped))
    with pytest.raises(ValueError, match='refused|cannot be read'):
        read_checkpoint(path)
    assert not trace.exists()


def test_code_in_a_plain_pickle_and_in_a_zip_of_another_kind_does_not_run(tmp_path):
    trace = tmp_path / 'trace'
    evil = pickle.dumps({'model': Attack(os.mkdir, str(trace))})
    (tmp_path / 'evil.pt').write_bytes(evil)
    with zipfile.ZipFile(tmp_path / 'zip.pt', 'w') as archive:
        archive.writestr('archive/data.pkl', evil)
        archive.writestr('../../outside', b'x')
    for name in ('evil.pt', 'zip.pt'):
        with pytest.raises(ValueError):
            read_checkpoint(tmp_path / name)
    assert not trace.exists() and not (tmp_path.parent.parent / 'outside').exists()


names = st.one_of(
    st.sampled_from(sorted(TARGET)),
    st.from_regex(
        r'(module\.|backbone\.|visual\.|text\.|encoder\.|backbone\.net\.|layers\.)?'
        r'(blocks\.[0-9]{1,2}\.)?(attn\.|mlp\.)?'
        r'(qkv|q_bias|v_bias|proj|fc1|rel_pos_h|relative_position_bias_table|pos_embed|cls_token|patch_embed\.proj|head)'
        r'(\.weight|\.bias)?',
        fullmatch=True,
    ),
    st.text(max_size=20),
)
shapes = st.lists(st.integers(0, 9), max_size=5)
tensors = st.builds(
    lambda shape, dtype: torch.zeros(shape, dtype=dtype),
    shapes,
    st.sampled_from([torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.bool, torch.complex64]),
)
values = st.one_of(tensors, st.none(), st.text(max_size=3), st.integers(), st.dictionaries(names, tensors, max_size=2))
trees = st.dictionaries(st.one_of(names, st.sampled_from(['model', 'state_dict', 'module']), st.integers()), values)


@fuzz
@given(
    trees,
    trees,
    st.sampled_from([None, 'model', 'state_dict', 'module']),
    st.sampled_from(sorted(name for name, task in TASKS.items() if task.key_table)),
    st.booleans(),
)
def test_absurd_weights(tree, more, wrapper, task, with_sound):
    checkpoint = {**(TARGET if with_sound else {}), **tree}
    checkpoint = {wrapper: checkpoint, **more} if wrapper else checkpoint
    try:
        convert_state_dict(checkpoint, task, target=TARGET, grid=(2, 2))
    except REFUSALS as error:
        assert is_sentence(error)
