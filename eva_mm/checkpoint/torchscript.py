"""Weights out of TorchScript archives, as OpenAI publishes CLIP, without running the programs in them."""

import os
import pickle
import zipfile
from collections import OrderedDict
from typing import Any

import torch
from torch import Tensor

from eva_mm.safe_io.files import open_regular
from eva_mm.safe_io.printed import printable

_DTYPES = {
    'FloatStorage': torch.float32, 'HalfStorage': torch.float16, 'BFloat16Storage': torch.bfloat16,
    'DoubleStorage': torch.float64, 'LongStorage': torch.int64, 'IntStorage': torch.int32,
    'ShortStorage': torch.int16, 'CharStorage': torch.int8, 'ByteStorage': torch.uint8, 'BoolStorage': torch.bool,
}  # fmt: skip


class _Module:
    """Stands for a class of the archive; holds its attributes as inert data."""

    def __setstate__(self, state: Any) -> None:
        self.attributes = state if isinstance(state, dict) else {}


def _rebuild_tensor(storage: Tensor, offset: int, size: tuple, stride: tuple, *rest: Any) -> Tensor:
    return storage.as_strided(size, stride, offset)


def _first(value: Any, *rest: Any) -> Any:
    return value


# all that these pickles may call; what stands for a function of torch's is ours
_CALLS = {
    ('torch._utils', '_rebuild_tensor_v2'): _rebuild_tensor,
    ('torch._utils', '_rebuild_parameter'): _first,
    ('collections', 'OrderedDict'): OrderedDict,
    **{
        ('torch.jit._pickle', name): _first
        for name in ('restore_type_tag', 'build_intlist', 'build_doublelist', 'build_boollist', 'build_tensorlist')
    },
}


class _Unpickler(pickle._Unpickler):
    """Python's own unpickler: the one in C keeps its memo in an array as long as the largest number in the file."""

    def __init__(self, archive: zipfile.ZipFile, folder: str) -> None:
        super().__init__(archive.open(folder + 'data.pkl'))
        self.archive, self.folder = archive, folder
        self.storages: dict[str, Tensor] = {}

    def find_class(self, module: str, name: str) -> Any:
        if module == '__torch__' or module.startswith('__torch__.'):
            return _Module
        if module == 'torch' and name in _DTYPES:
            return _DTYPES[name]
        if (module, name) in _CALLS:
            return _CALLS[module, name]
        raise pickle.UnpicklingError(f'it names {module}.{name}')

    def persistent_load(self, pid: Any) -> Tensor:
        _, dtype, key, *_ = pid
        if key not in self.storages:
            content = bytearray(self.archive.read(f'{self.folder}data/{key}'))
            self.storages[key] = torch.frombuffer(content, dtype=dtype) if content else torch.empty(0, dtype=dtype)
        return self.storages[key]


def _collect(module: _Module, prefix: str, weights: dict[str, Tensor]) -> None:
    for name, value in module.attributes.items():
        if isinstance(value, Tensor):
            weights[prefix + name] = value
        elif isinstance(value, _Module):
            _collect(value, f'{prefix}{name}.', weights)


def is_torchscript(path: str | os.PathLike) -> bool:
    """Whether a file is a TorchScript archive."""
    try:
        with open_regular(path) as file, zipfile.ZipFile(file) as archive:
            return any(name.endswith('/constants.pkl') for name in archive.namelist())
    # not a zip file, or one whose headers are damaged
    except Exception:
        return False


def read_torchscript(path: str | os.PathLike) -> dict[str, Tensor]:
    """Parameters and buffers of an archive of ``torch.jit.save``, by their names in the model.

    ``torch.jit.load`` would compile and may run the code of the archive; here its tables alone are read, by an
    unpickler that knows tensors and nothing else.

    Raises:
        ValueError: It is damaged, no such archive, or holds more than modules and tensors.
    """
    weights: dict[str, Tensor] = {}
    try:
        with open_regular(path) as file, zipfile.ZipFile(file) as archive:
            folder = next(name for name in archive.namelist() if name.endswith('/constants.pkl'))[:-13]
            # torch compresses the code alone; compressed data could be a bomb
            data = [member for member in archive.infolist() if member.filename.startswith(f'{folder}data')]
            if any(member.compress_type != zipfile.ZIP_STORED for member in data):
                raise ValueError('its data are compressed')
            _collect(_Unpickler(archive, folder).load(), '', weights)
    # damaged bytes make an unpickler fail in whatever line comes first
    except Exception as error:
        raise ValueError(
            f'{path} cannot be read as a TorchScript archive ({printable(str(error))}): copy or download it again.'
        ) from error
    return weights
