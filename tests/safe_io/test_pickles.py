import os
import pickle
from collections import OrderedDict, defaultdict

import numpy as np
import pytest
from hostile import Call

from eva_mm.safe_io.pickles import loads_plain

PLAIN = {
    'array': np.arange(6).reshape(2, 3).astype('f4'), 'text': np.array(['ab', 'c']), 'empty': np.zeros((0, 3)),
    'fortran': np.asfortranarray(np.eye(3)), 'big-endian': np.arange(3).astype('>i4'), 'scalar': np.float32(3),
    'list': [1, (2, 'x'), {1}], 'bytes': b'zz', 'ordered': OrderedDict(a=1), 'default': defaultdict(list, {1: [2]}),
    'complex': 2 + 3j, 'none': None,
}  # fmt: skip


@pytest.mark.parametrize('protocol', range(pickle.HIGHEST_PROTOCOL + 1))
def test_plain_values_and_numeric_arrays_are_read(protocol):
    read = loads_plain(pickle.dumps(PLAIN, protocol))
    assert read.keys() == PLAIN.keys()
    for name, value in PLAIN.items():
        # NumPy itself turns bytes round in most protocols
        value = value.astype('<i4') if name == 'big-endian' and read[name].dtype == '<i4' else value
        assert repr(read[name]) == repr(value) and type(read[name]) is type(value), name


@pytest.mark.parametrize('protocol', range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize(
    'call',
    [
        Call(os.mkdir, 'made'), Call(eval, '__import__("os").mkdir("made")'), Call(getattr, [], 'append'),
        Call(np.load, 'x'), Call(np.fromfile, '/etc/passwd'), Call(bytearray, 10**12), Call(np.ndarray, (10**12,)),
    ],
    ids=lambda call: call.call[0].__name__,
)  # fmt: skip
def test_nothing_else_is_called(call, protocol, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match='could run code'):
        loads_plain(pickle.dumps({'x': call}, protocol))
    assert not (tmp_path / 'made').exists()


def test_arrays_of_objects_and_structures_are_refused():
    for array in (np.array([{}], dtype=object), np.zeros(2, [('a', 'i4'), ('b', 'O')]), np.zeros(2, [('a', 'i4')])):
        with pytest.raises(ValueError, match='refused'):
            loads_plain(pickle.dumps(array))


def test_a_number_in_the_memo_costs_no_memory():
    # LONG_BINPUT of 2^31 - 1: the unpickler in C would make an array of that length
    with pytest.raises(ValueError, match='refused'):
        loads_plain(b'\x80\x02]r\xff\xff\xff\x7f')
    assert loads_plain(b'\x80\x02]r\xff\xff\xff\x7f.') == []
