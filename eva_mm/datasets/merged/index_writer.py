"""Writing an index container by container, so that it can be stopped and gone on with."""

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from eva_mm.datasets.merged.containers import Container
from eva_mm.datasets.merged.index import CONTAINER, FORMAT
from eva_mm.datasets.merged.pack import pack
from eva_mm.datasets.merged.scan import IMAGE, Scan


def status(root: str, container: Container) -> list[int]:
    """Size and time of change of a container, to tell whether it is still the one that was scanned."""
    try:
        found = os.stat(os.path.join(root, container.path))
    except OSError:
        return [0, 0]
    return [found.st_size, found.st_mtime_ns]


class IndexWriter:
    """Appends containers; each is complete once its line is in the journal.

    The index appears under its name when all is written, in one step.

    Args:
        folder: The index.
        sources: Paths of the sources by name.
        settings: What else the result depends on; plain values.
        restart: Forget what an earlier, unfinished run has written.

    Raises:
        ValueError: An unfinished run had other sources or settings.
    """

    def __init__(self, folder: Path, sources: Mapping[str, str], settings: Mapping, restart: bool = False) -> None:
        self.folder = folder
        self.sources = dict(sources)
        self.building = folder.with_name(folder.name + '.building')
        if restart and self.building.exists():
            shutil.rmtree(self.building)
        self.building.mkdir(parents=True, exist_ok=True)
        head = dict(format=FORMAT, sources=self.sources, settings=dict(settings))
        self.records = self._recover(json.loads(json.dumps(head)))
        names = ('images.bin', 'text.bin', 'journal.jsonl')
        self._images, self._text, self._journal = map(self._append, names, self._ends())
        if not self.records:
            self._journal.write(json.dumps(head).encode() + b'\n')

    def _recover(self, head: dict) -> list[dict]:
        """Records of the containers that are complete."""
        path = self.building / 'journal.jsonl'
        lines = path.read_bytes().split(b'\n')[:-1] if path.is_file() else []
        self._journal_ends = list(np.cumsum([len(line) + 1 for line in lines]))
        if lines and json.loads(lines[0]) != head:
            raise ValueError(
                f'{self.building} was begun with other sources or options: give the same ones, or --restart.'
            )
        return [json.loads(line) for line in lines[1:]]

    def _ends(self) -> tuple[int, int, int]:
        if not self.records:
            return 0, 0, 0
        last = self.records[-1]
        return last['images_end'] * IMAGE.itemsize, last['text_end'], int(self._journal_ends[-1])

    def _append(self, name: str, length: int) -> BinaryIO:
        """Open a file behind its complete part.

        Raises:
            ValueError: It is shorter than that.
        """
        path = self.building / name
        path.touch()
        if path.stat().st_size < length:
            raise ValueError(f'{path} is shorter than its journal says: start again with --restart.')
        os.truncate(path, length)
        return open(path, 'ab')

    def skip(self, root: str, containers: list[Container]) -> list[Container]:
        """The containers that are still to be added.

        Raises:
            ValueError: One that is complete has changed or is gone.
        """
        for container, record in zip(containers, self.records):
            if [container.path, container.source] != [record['path'], record['source']] or (
                status(root, container) != record['status']
            ):
                raise ValueError(f'{record["path"]} has changed since it was scanned: start again with --restart.')
        if len(self.records) > len(containers):
            raise ValueError(f'{self.records[-1]["path"]} was scanned and is gone: start again with --restart.')
        return containers[len(self.records) :]

    def add(self, root: str, container: Container, found: Scan, remarks: Mapping[str, Any]) -> None:
        """Append a container; ``remarks`` are plain values that its record keeps."""
        last = self.records[-1] if self.records else dict(images_end=0, text_end=0)
        row, rows, text = pack(container, found, last['images_end'], last['text_end'])
        if len(rows):
            self._images.write(rows.tobytes())
            self._text.write(text)
        record = dict(
            path=container.path,
            source=container.source,
            status=status(root, container),
            row=row,
            images=len(rows),
            images_end=last['images_end'] + len(rows),
            text_end=last['text_end'] + (len(text) if len(rows) else 0),
            **remarks,
        )
        self._images.flush()
        self._text.flush()
        self._journal.write(json.dumps(record).encode() + b'\n')
        self._journal.flush()
        self.records.append(record)

    def finish(self, extra: Mapping[str, str]) -> None:
        """Write the head of the index and move it to its place; ``extra`` are more files by name.

        Raises:
            ValueError: No image was found.
        """
        rows = [tuple(record['row']) for record in self.records if record['images']]
        if not rows:
            raise ValueError(f'There is no image in the sources {", ".join(self.sources)}: check their paths.')
        (self.building / 'containers.bin').write_bytes(np.array(rows, CONTAINER).tobytes())
        sources = [dict(name=name, path=path) for name, path in self.sources.items()]
        head = dict(format=FORMAT, images=self.records[-1]['images_end'], containers=len(rows), sources=sources)
        for name, content in {**extra, 'index.json': json.dumps(head, indent=1)}.items():
            (self.building / name).write_text(content, errors='surrogateescape')
        for file in (self._images, self._text, self._journal):
            os.fsync(file.fileno())
            file.close()
        (self.building / 'journal.jsonl').unlink()
        old = self.folder.with_name(self.folder.name + '.old')
        if self.folder.exists():
            self.folder.rename(old)
        self.building.rename(self.folder)
        if old.exists():
            shutil.rmtree(old)
