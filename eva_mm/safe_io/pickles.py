"""Pickles of plain values and numeric NumPy arrays, read without running anything that they name."""

import io
import pickle
from collections import OrderedDict, defaultdict
from collections.abc import Mapping
from typing import Any, BinaryIO

import numpy as np

from eva_mm.safe_io.printed import reason_of

_NDARRAY = object()  # named in pickles as an argument; never called


def _encode(text: str, encoding: str) -> bytes:
    """Bytes, as pickles of protocol 2 write them: text whose characters are the bytes."""
    return text.encode('latin1')


def _bytes(content: Any = b'', *encoding: Any) -> bytes:
    """Of other bytes or text; a number would be a length."""
    if isinstance(content, str):
        return content.encode('latin1')
    if not isinstance(content, (bytes, bytearray)):
        raise pickle.UnpicklingError(f'it makes bytes of a {type(content).__name__}')
    return bytes(content)


def _bytearray(*arguments: Any) -> bytearray:
    return bytearray(_bytes(*arguments))


def _dtype(*arguments: Any) -> np.dtype:
    """Numbers, booleans and text; an array of objects could hold anything."""
    found = np.dtype(*arguments)
    if found.hasobject:
        raise pickle.UnpicklingError('it holds an array of Python objects')
    return found


def _empty_array(kind: Any, shape: Any, code: Any) -> np.ndarray:
    """An array whose state, set next, has the real shape, type and bytes."""
    if kind is not _NDARRAY:
        raise pickle.UnpicklingError(f'it makes an array of the type {kind!r}')
    return np.empty(0, np.uint8)


def _scalar(dtype: Any, content: Any = b'') -> Any:
    if not isinstance(dtype, np.dtype) or dtype.hasobject:
        raise pickle.UnpicklingError('it holds a scalar of Python objects')
    return np.frombuffer(content.encode('latin1') if isinstance(content, str) else content, dtype)[0]


def _from_buffer(content: Any, dtype: Any, shape: Any, order: Any) -> np.ndarray:
    """An array as protocol 5 writes it."""
    return np.frombuffer(content, dtype).reshape(shape, order=order)


# all that these pickles may call; NumPy 1 and 2 name their functions differently
CALLS: Mapping[tuple[str, str], Any] = {
    ('collections', 'OrderedDict'): OrderedDict,
    ('collections', 'defaultdict'): defaultdict,
    ('_codecs', 'encode'): _encode,
    ('numpy', 'ndarray'): _NDARRAY,
    ('numpy', 'dtype'): _dtype,
    **{
        (module, name): value
        for module in ('builtins', '__builtin__')
        for name, value in (
            ('set', set), ('frozenset', frozenset), ('complex', complex), ('bytes', _bytes), ('bytearray', _bytearray),
            ('list', list), ('dict', dict), ('tuple', tuple),
        )
    },
    **{(f'numpy.{core}.numeric', '_frombuffer'): _from_buffer for core in ('core', '_core')},
    **{
        (f'numpy.{core}.multiarray', name): value
        for core in ('core', '_core')
        for name, value in (('_reconstruct', _empty_array), ('scalar', _scalar))
    },
}  # fmt: skip


class PlainUnpickler(pickle._Unpickler):
    """Python's own unpickler, which knows :data:`CALLS` and nothing else.

    The one in C keeps its memo in an array as long as the largest number that the file names.
    """

    def find_class(self, module: str, name: str) -> Any:
        """The value of a name.

        Raises:
            pickle.UnpicklingError: It is not among those allowed.
        """
        if (module, name) not in CALLS:
            raise pickle.UnpicklingError(f'it names {module}.{name}')
        return CALLS[module, name]

    def load_build(self) -> None:
        """Give an object its state; that of a dtype may say its byte order alone."""
        state, value = self.stack[-1], self.stack[-2]
        is_plain = isinstance(state, tuple) and len(state) > 5 and state[2:5] == (None,) * 3 and state[-1] in (0, 8)
        if isinstance(value, np.dtype) and not is_plain:
            raise pickle.UnpicklingError('it holds a structured array')
        super().load_build()

    dispatch = {**pickle._Unpickler.dispatch, pickle.BUILD[0]: load_build}


def load_plain(file: BinaryIO, **options: Any) -> Any:
    """What a pickle holds: numbers, text, containers and numeric arrays.

    Args:
        file: Open for reading.
        options: Of ``pickle.Unpickler``, for instance ``encoding='latin1'``.

    Raises:
        ValueError: It is damaged, or holds anything else.
    """
    try:
        return PlainUnpickler(file, **options).load()
    # damaged bytes make an unpickler fail in whatever line comes first
    except Exception as error:
        raise ValueError(
            f'{getattr(file, "name", "The pickle")} is refused: besides plain values and numeric arrays it holds more, '
            f'and reading that could run code, or it is damaged ({reason_of(error, 120)}).'
        ) from error


def loads_plain(content: bytes, **options: Any) -> Any:
    """:func:`load_plain` of bytes."""
    return load_plain(io.BytesIO(content), **options)
