"""Tar shards of 4-pixel images whose colour is their number."""

import io
import tarfile

import numpy as np
import pytest
from PIL import Image


def _png(number: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.full((4, 4, 3), number, np.uint8)).save(buffer, 'png')
    return buffer.getvalue()


def write_tar(path, files: dict[str, bytes]) -> None:
    with tarfile.open(path, 'w') as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))


@pytest.fixture
def shards(tmp_path):
    """Write shards of the sizes given, numbered through, those in ``broken`` with bytes that are no image."""

    def write(*sizes: int, broken: tuple[int, ...] = ()):
        number = 0
        for shard, size in enumerate(sizes):
            files = {}
            for _ in range(size):
                files[f'{number:03d}.png'] = b'no image' if number in broken else _png(number)
                files[f'{number:03d}.txt'] = f'number {number}'.encode()
                number += 1
            write_tar(tmp_path / f'{shard:05d}.tar', files)
        return tmp_path

    return write
