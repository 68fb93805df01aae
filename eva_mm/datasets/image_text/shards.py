"""Image-text pairs from tar shards in the layout of webdataset."""

import logging
from collections.abc import Iterator, Sequence
from glob import glob
from pathlib import Path

from mmengine.logging import print_log
from webdataset.shardlists import expand_urls
from webdataset.tariterators import tarfile_samples

from eva_mm.datasets.image_text.stream import ImageTextStream
from eva_mm.registry import DATASETS

IMAGE_SUFFIXES = ('jpg', 'jpeg', 'png', 'webp')


def _report(error: Exception) -> bool:
    print_log(f'The rest of a shard is skipped: {error!r}.', logger='current', level=logging.WARNING)
    return True


@DATASETS.register_module()
class ImageTextShards(ImageTextStream):
    """Tar files with ``key.jpg`` (or png, webp) and ``key.txt`` for each pair, as img2dataset writes LAION.

    Args:
        shards: Names below ``data_root``: with ``*``, with ``{00000..41455}``, or a list of such; or what else
            webdataset opens, for instance ``pipe:...`` and ``https://...``, then without ``data_root``.
        data_root: Folder of the shards.
        kwargs: As for :class:`ImageTextStream`.

    Raises:
        FileNotFoundError: No shard is found.
    """

    def __init__(self, shards: str | Sequence[str], pipeline: Sequence[dict], data_root: str = '', **kwargs) -> None:
        self.patterns = [shards] if isinstance(shards, str) else list(shards)
        self.data_root = data_root
        super().__init__(pipeline, **kwargs)

    def find_shards(self) -> list[str]:
        """All tar files, as paths or as URLs."""
        shards: list[str] = []
        for pattern in self.patterns:
            pattern = str(Path(self.data_root) / pattern) if self.data_root else pattern
            for name in expand_urls(pattern):
                shards += sorted(glob(name)) if '*' in name else [name]
        missing = [shard for shard in shards if ':' not in shard and not Path(shard).is_file()]
        if missing or not shards:
            what = f'{missing[0]} and {len(missing) - 1} more shards do not exist' if missing else 'no shard was found'
            raise FileNotFoundError(
                f'For shards={self.patterns} in data_root={self.data_root!r} {what}: '
                'give the folder and the names of tar files.'
            )
        return shards

    def read_shard(self, shard: str) -> Iterator[dict]:
        """The raw samples of a tar file; a broken file ends early."""
        for files in tarfile_samples([dict(url=shard)], handler=_report):
            raw = dict(key=files['__key__'])
            suffix = next((suffix for suffix in IMAGE_SUFFIXES if suffix in files), None)
            if suffix is not None and 'txt' in files:
                raw.update(image=files[suffix], text=files['txt'].decode(errors='replace'))
            yield raw
