"""Checksums that a file of weights carries itself: those of a zip archive, and ours in safetensors."""

import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from eva_mm.safe_io.files import open_regular
from eva_mm.safe_io.printed import printable, reason_of

# key of the metadata of a safetensors file
KEY = 'checksum'
_AGAIN = 'copy or download it again'


def weights_checksum(weights: Mapping[str, Tensor]) -> str:
    """CRC-32 of names, types, shapes and bytes, in the order of the names: ``'crc32:89abcdef'``."""
    total = 0
    for name in sorted(weights):
        tensor = weights[name].detach().contiguous()
        total = zlib.crc32(f'{name} {tensor.dtype} {tuple(tensor.shape)}\n'.encode(), total)
        if tensor.numel():
            total = zlib.crc32(tensor.cpu().reshape(-1).view(torch.uint8).numpy(), total)
    return f'crc32:{total:08x}'


def zip_problem(path: Path) -> str:
    """What is wrong with an archive of ``torch.save``; empty if it is sound.

    Every member is read and compared with its CRC-32. Archives written with torch's option to leave these sums out
    have none to compare with.
    """
    try:
        with open_regular(path) as file, zipfile.ZipFile(file) as archive:
            members = archive.infolist()
            if problem := _kind_problem([member.filename for member in members]) or _members_problem(members):
                return problem
            if not any(member.CRC for member in members):
                return ''
            bad = archive.testzip()
    # damaged headers make zipfile fail in whatever line comes first
    except Exception as error:
        return f'it is truncated or damaged ({reason_of(error, 80)}); {_AGAIN}'
    return f'the checksum of {printable(bad, 80)} is wrong; {_AGAIN}' if bad else ''


def _kind_problem(names: list[str]) -> str:
    if any(name.endswith('/constants.pkl') for name in names):
        return 'it is a TorchScript program, not a file of weights; save its state_dict()'
    if not any(name.endswith('data.pkl') for name in names):
        return 'it is a zip archive without a checkpoint in it; unpack it'
    return ''


def _members_problem(members: list[zipfile.ZipInfo]) -> str:
    names = [member.filename for member in members]
    if len(set(names)) < len(names):
        return f'two members of the archive have one name; {_AGAIN}'
    # torch stores; a compressed member could be a thousand times as large as the file
    if any(each.compress_type != zipfile.ZIP_STORED or each.compress_size != each.file_size for each in members):
        return 'its members are compressed, which torch never does; unpack and save it again'
    return ''
