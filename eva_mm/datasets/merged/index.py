"""Where every image is, in memory-mapped files that all processes of a node share."""

import os
from bisect import bisect_right
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from eva_mm.datasets.merged.containers import FOLDER, ZIP, is_unsafe, suffix_of
from eva_mm.datasets.merged.files import Files
from eva_mm.datasets.merged.scan import DEFLATED, IMAGE
from eva_mm.safe_io.files import check_regular, read_json
from eva_mm.safe_io.images import IMAGE_SUFFIXES

FORMAT = 'eva_mm merged index 1'

# a container: its first image, its bytes, its path and the ends of its names in the text, its source and its kind
CONTAINER = np.dtype(
    [('first', '<u8'), ('bytes', '<u8'), ('text', '<u8'), ('length', '<u4'), ('source', '<u2'), ('kind', 'u1')]
)


class Place(NamedTuple):
    """Where one image is.

    Attributes:
        source: Number of its source.
        kind: ``FOLDER``, ``TAR`` or ``ZIP``.
        path: Of the file or of the archive, relative to the root of the data.
        archive_size: Bytes that the archive had when it was indexed.
        offset: First byte in the archive.
        size: Bytes in the archive.
        deflated: Whether these bytes are deflated.
    """

    source: int
    kind: int
    path: str
    archive_size: int = 0
    offset: int = 0
    size: int = 0
    deflated: bool = False


class MergedIndex:
    """Random access to images by number.

    An image takes 12 bytes, and in folders also the part of its name that it does not share with its neighbours. No
    image has a Python object of its own.

    Args:
        sources: Names of the sources.
        images: Array of ``IMAGE``, images of one container after those of the other.
        containers: Array of ``CONTAINER``.
        text: Bytes of all names.
        folder: Where the arrays are mapped from, if they are.

    Raises:
        ValueError: The arrays contradict each other.
    """

    def __init__(
        self,
        sources: Sequence[str],
        images: np.ndarray,
        containers: np.ndarray,
        text: np.ndarray,
        folder: Path | None = None,
    ) -> None:
        self.sources = tuple(sources)
        self.folder = folder
        # plain views: an access through a memmap object takes several times as long
        self._images, self._containers, self._text = (np.asarray(each) for each in (images, containers, text))
        self._first = self._containers['first'].astype(np.int64)
        self._check()

    def _check(self) -> None:
        starts, where = self._first, self.folder or 'in memory'
        ends = self._containers['text'].astype(np.int64) + self._containers['length']
        sound = (
            (len(starts) > 0) == (len(self._images) > 0)
            and (not len(starts) or (starts[0] == 0 and starts[-1] < len(self._images)))
            and bool((np.diff(starts) > 0).all())
            and bool(((ends >= 0) & (ends <= len(self._text))).all())
            and bool((self._containers['source'] < len(self.sources)).all())
            and bool((self._containers['kind'] <= ZIP).all())
        )
        if not sound:
            raise ValueError(f'The index {where} is damaged: make it again.')

    @classmethod
    def open(cls, folder: str | os.PathLike) -> 'MergedIndex':
        """Map an index that was written by ``IndexWriter``.

        Raises:
            FileNotFoundError: There is none.
            ValueError: It is damaged.
        """
        folder = Path(folder)
        if not (folder / 'index.json').is_file():
            raise FileNotFoundError(
                f'There is no index {folder}: make it with tools/dataset_converters/make_merged_index.py, '
                'or set index=None to look for the images at every start.'
            )
        try:
            head = read_json(folder / 'index.json')
            for name in ('images', 'containers', 'text'):
                check_regular(folder / f'{name}.bin')
            if head['format'] != FORMAT:
                raise ValueError(f'its format is {head["format"]!r}')
            sources, counts = [str(each['name']) for each in head['sources']], [head['images'], head['containers']]
            arrays = [
                np.memmap(folder / f'{name}.bin', dtype, mode='r') if os.path.getsize(folder / f'{name}.bin') else
                np.empty(0, dtype)
                for name, dtype in (('images', IMAGE), ('containers', CONTAINER), ('text', np.uint8))
            ]  # fmt: skip
            if [len(arrays[0]), len(arrays[1])] != counts:
                raise ValueError(f'it holds {len(arrays[0])} images in {len(arrays[1])} containers, not {counts}')
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise ValueError(f'The index {folder} is damaged ({error}): make it again.') from error
        return cls(sources, *arrays, folder=folder)

    def __reduce__(self) -> tuple:
        if self.folder is not None:
            return type(self).open, (self.folder,)
        return type(self), (self.sources, self._images, self._containers, self._text)

    def __len__(self) -> int:
        return len(self._images)

    def _container_of(self, number: int) -> int:
        return bisect_right(self._first, number) - 1

    def _slice(self, start: int, length: int) -> bytes:
        return self._text[start : start + length].tobytes()

    def locate(self, number: int) -> Place:
        """Where image ``number`` is.

        Raises:
            IndexError: There is no such image.
            ValueError: The index is damaged.
        """
        if not 0 <= number < len(self):
            raise IndexError(f'There is no image {number}: the index has {len(self)}.')
        row = self._containers[self._container_of(number)]
        offset, size = self._images[number].item()
        start, length, kind, source = int(row['text']), int(row['length']), int(row['kind']), int(row['source'])
        parts = self._slice(start, length).split(b'\0')
        path = os.fsdecode(parts[0])
        if len(parts) != 3 or '..' in path.split('/'):
            raise ValueError(f'The index {self.folder or ""} is damaged at image {number}: make it again.')
        if kind != FOLDER:
            deflated = bool(offset & DEFLATED)
            return Place(source, kind, path, int(row['bytes']), offset & ~DEFLATED, size, deflated)
        name = os.fsdecode(parts[1] + self._slice(offset, size) + parts[2])
        if '/' in name or is_unsafe(name):
            raise ValueError(f'The index {self.folder or ""} is damaged at image {number}: make it again.')
        return Place(source, kind, os.path.join(path, name))

    def source_of(self, number: int) -> int:
        """The number of the source of an image."""
        return int(self._containers['source'][self._container_of(number)])

    def bounds(self, source: int) -> list[tuple[int, int]]:
        """Runs of numbers, from first to behind the last, that are images of a source."""
        ends = np.append(self._first[1:], len(self))
        own = np.flatnonzero(self._containers['source'] == source)
        runs = np.split(own, np.flatnonzero(np.diff(own) != 1) + 1) if len(own) else []
        return [(int(self._first[run[0]]), int(ends[run[-1]])) for run in runs]

    def counts(self) -> dict[str, int]:
        """How many images each source has."""
        return {
            name: sum(end - start for start, end in self.bounds(number)) for number, name in enumerate(self.sources)
        }


def read_place(root: str, place: Place, files: Files) -> bytes:
    """The encoded image.

    Raises:
        Fault: See :class:`Files`.
    """
    path = os.path.join(root, place.path)
    if place.kind == FOLDER:
        return files.whole(path)
    return files.part(path, place.archive_size, place.offset, place.size, place.deflated)


def name_of(root: str, place: Place, files: Files) -> tuple[str, str]:
    """A name for people, such as ``cc3m/00001.tar/000010123.jpg``, and the suffix of the image's
    own file name, empty if it is not known."""
    if place.kind == FOLDER:
        name = place.path
    else:
        path = os.path.join(root, place.path)
        member = files.member_name(path, place.archive_size, place.offset, place.kind == ZIP)
        name = f'{place.path}/{member or f"byte {place.offset}"}'
    # the header of a tar member may hold the beginning of a long name only
    return name, suffix_of(name) if suffix_of(name) in IMAGE_SUFFIXES else ''
