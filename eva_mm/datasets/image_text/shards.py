"""Image-text pairs from tar shards in the layout of webdataset."""

import logging
import os
from collections.abc import Iterator, Sequence
from glob import glob, has_magic

from braceexpand import braceexpand
from mmengine.logging import print_log

from eva_mm.datasets.image_text.stream import ImageTextStream
from eva_mm.registry import DATASETS
from eva_mm.safe_io.files import exists_regular
from eva_mm.safe_io.images import IMAGE_SUFFIXES
from eva_mm.safe_io.printed import printable
from eva_mm.safe_io.tar_stream import members

# members of a shard have their suffix without the dot
_SUFFIXES = tuple(sorted(suffix[1:] for suffix in IMAGE_SUFFIXES))


@DATASETS.register_module()
class ImageTextShards(ImageTextStream):
    """Tar files with ``key.jpg`` (or png, webp) and ``key.txt`` for each pair, as img2dataset writes LAION.

    Shards are opened as files, plain or compressed with gzip, whatever their names look like.

    Args:
        shards: Names below ``data_root``: with ``*``, with ``{00000..41455}``, or a list of such.
        data_root: Folder of the shards.
        run_commands: Take ``shards`` for what webdataset opens, and nothing for a file below ``data_root``:
            ``https://...``, which starts curl, and ``pipe:COMMAND``, which runs the command in a shell. Leave it off
            unless every name in ``shards`` is your own.
        kwargs: As for :class:`ImageTextStream`.

    Raises:
        FileNotFoundError: No shard is found.
    """

    run_commands = False

    def __init__(
        self,
        shards: str | Sequence[str],
        pipeline: Sequence[dict],
        data_root: str = '',
        run_commands: bool = False,
        **kwargs,
    ) -> None:
        self.patterns = [shards] if isinstance(shards, str) else list(shards)
        self.data_root = data_root
        self.run_commands = run_commands
        super().__init__(pipeline, **kwargs)

    def _names(self, pattern: str) -> list[str]:
        """What a pattern stands for, below ``data_root``."""
        names = braceexpand(pattern) if '{' in pattern else [pattern]
        found = (sorted(glob(name, root_dir=self.data_root or None)) if has_magic(name) else [name] for name in names)
        return [os.path.join(self.data_root, name) for group in found for name in group]

    def find_shards(self) -> list[str]:
        """All tar files as paths; with ``run_commands`` what webdataset opens."""
        if self.run_commands:
            return [name for pattern in self.patterns for name in braceexpand(pattern)]
        shards = [name for pattern in self.patterns for name in self._names(pattern)]
        missing = [shard for shard in shards if not exists_regular(shard)]
        if missing or not shards:
            what = f'{missing[0]} and {len(missing) - 1} more shards do not exist' if missing else 'no shard was found'
            raise FileNotFoundError(
                f'For shards={self.patterns} in data_root={self.data_root!r} {printable(what)}: '
                'give the folder and the names of tar files; addresses and commands need run_commands=True.'
            )
        return shards

    def _members(self, shard: str) -> Iterator[tuple[str, bytes]]:
        if not self.run_commands:
            yield from members(shard)
            return
        from webdataset.tariterators import tar_file_expander, url_opener

        for member in tar_file_expander(url_opener([dict(url=shard)]), eof_value=None):
            yield member['fname'], member['data']

    def read_shard(self, shard: str) -> Iterator[dict]:
        """The raw samples of a tar file; a broken file ends early, which is logged."""
        current, sample = '', {}
        try:
            for name, content in self._members(shard):
                folder, base = os.path.split(name)
                stem, _, suffix = base.lower().partition('.')
                if not stem or not suffix or name.startswith('__'):
                    continue
                key = os.path.join(folder, base[: len(stem)])
                if sample and key != current:
                    yield _raw(current, sample)
                    sample = {}
                current = key
                # a second file of the same name does not replace the first
                sample.setdefault(suffix, content if suffix in (*_SUFFIXES, 'txt') else b'')
        # what damaged files and programs raise differs from format to format
        except Exception as error:
            sentence = f'The rest of {printable(shard)} is skipped: {printable(str(error) or repr(error))}.'
            print_log(sentence, logger='current', level=logging.WARNING)
        if sample:
            yield _raw(current, sample)


def _raw(key: str, files: dict[str, bytes]) -> dict:
    raw = dict(key=key)
    suffix = next((suffix for suffix in _SUFFIXES if suffix in files), None)
    if suffix is not None and 'txt' in files:
        raw.update(image=files[suffix], text=files['txt'].decode(errors='replace'))
    return raw
