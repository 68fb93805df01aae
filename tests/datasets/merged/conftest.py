"""Small images, sound ones and every kind of broken and odd ones, in folders, tar shards and zip files."""

import io
import struct
import tarfile
import zipfile
import zlib

import numpy as np
import pytest
from PIL import Image


def encoded(image, kind='JPEG', **options):
    """The bytes of an image."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def noise(number, size=(24, 24)):
    """An image that differs from number to number."""
    rng = np.random.default_rng(number)
    return Image.fromarray(rng.integers(0, 256, (size[1], size[0], 3), np.uint8))


def png(width, height, depth=8, color=0, rows=b''):
    """A PNG file with any header."""

    def chunk(name, data):
        return struct.pack('>I', len(data)) + name + data + struct.pack('>I', zlib.crc32(name + data))

    head = struct.pack('>IIBBBBB', width, height, depth, color, 0, 0, 0)
    return b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', head) + chunk(b'IDAT', zlib.compress(rows)) + chunk(b'IEND', b'')


def _rotated(number):
    exif = Image.Exif()
    exif[0x0112] = 6
    return encoded(noise(number, (24, 16)), exif=exif.tobytes())


def _animated(number):
    frames = [noise(number + step).convert('P') for step in range(3)]
    return encoded(frames[0], 'GIF', save_all=True, append_images=frames[1:])


def _corrupt_png(number):
    content = bytearray(encoded(noise(number), 'PNG'))
    content[content.index(b'IDAT') + 4] ^= 0xFF
    return bytes(content)


# kind -> suffix of the file, and its bytes as a function of a number
MAKERS = {
    'sound': ('.jpg', lambda number: encoded(noise(number))),
    'truncated': ('.jpg', lambda number: encoded(noise(number, (64, 64)))[:2000]),
    'empty': ('.png', lambda number: b''),
    'no image': ('.jpg', lambda number: b'<html>404 Not Found</html>'),
    'too many pixels': ('.png', lambda number: png(30_000, 30_000)),
    'undecodable': ('.png', _corrupt_png),
    'wrong extension': ('.jpg', lambda number: encoded(noise(number), 'PNG')),
    'cmyk': ('.jpg', lambda number: encoded(noise(number).convert('CMYK'))),
    '16-bit': ('.png', lambda number: png(10, 20, 16, 0, (b'\0' + b'\x80\x01' * 10) * 20)),
    'animated': ('.gif', _animated),
    'rotated': ('.jpg', _rotated),
    'tiny': ('.png', lambda number: encoded(noise(number, (1, 1)), 'PNG')),
    'elongated': ('.png', lambda number: encoded(Image.new('RGB', (20_000, 20)), 'PNG')),
}


@pytest.fixture
def make():
    """``make(kind, number)`` gives the bytes of a file, ``make.suffixes[kind]`` its suffix."""

    def content(kind, number=0):
        return MAKERS[kind][1](number)

    content.suffixes = {kind: suffix for kind, (suffix, _) in MAKERS.items()}
    return content


@pytest.fixture
def write_files():
    """Write ``{name: bytes}`` to a folder, to a tar shard or to a zip file, by the suffix of the path."""

    def write(path, files):
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == '.tar':
            with tarfile.open(path, 'w') as archive:
                for name, content in files.items():
                    member = tarfile.TarInfo(name)
                    member.size = len(content)
                    archive.addfile(member, io.BytesIO(content))
        elif path.suffix == '.zip':
            with zipfile.ZipFile(path, 'w') as archive:
                for number, (name, content) in enumerate(files.items()):
                    # every other member deflated
                    archive.writestr(name, content, zipfile.ZIP_DEFLATED if number % 2 else zipfile.ZIP_STORED)
        else:
            for name, content in files.items():
                (path / name).parent.mkdir(parents=True, exist_ok=True)
                (path / name).write_bytes(content)
        return path

    return write


@pytest.fixture
def mixed(tmp_path, make, write_files):
    """Eleven images in two folders, seven in a tar shard with texts beside them, five in a zip file."""
    root = tmp_path / 'data'
    files = {f'{"ab"[number % 2]}/img_{number:03}.jpg': make('sound', number) for number in range(11)}
    write_files(root / 'folder', {**files, 'a/notes.txt': b'-'})
    pairs = [
        (f'{number:09}.{suffix}', content)
        for number in range(7)
        for suffix, content in (('jpg', make('sound', 100 + number)), ('txt', b'words'), ('json', b'{}'))
    ]
    write_files(root / 'shards' / '00000.tar', dict(pairs))
    write_files(root / 'set.zip', {f'part/{number}.jpg': make('sound', 200 + number) for number in range(5)})
    return root


@pytest.fixture
def sources():
    """The three sources of ``mixed``."""
    return dict(folders='folder', shards='shards/*.tar', zipped='set.zip')
