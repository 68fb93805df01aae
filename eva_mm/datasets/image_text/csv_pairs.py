"""Image-text pairs from a table with a path and a caption in each row."""

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

from mmengine.logging import print_log

from eva_mm.datasets.image_text.stream import ImageTextStream
from eva_mm.registry import DATASETS
from eva_mm.safe_io.files import exists_regular, read_bytes, read_csv
from eva_mm.safe_io.images import DEFAULT_LIMITS
from eva_mm.safe_io.printed import printable


@DATASETS.register_module()
class ImageTextCSV(ImageTextStream):
    """A csv file with a header; its rows are cut into shards.

    Args:
        ann_file: The csv file, below ``data_root``.
        data_root: Folder that ``ann_file`` and the paths in it are relative to.
        image_column: Name of the column of paths.
        text_column: Name of the column of captions.
        delimiter: Between the columns.
        rows_per_shard: How many rows stay together when shards are shuffled.
        kwargs: As for :class:`ImageTextStream`.

    Raises:
        FileNotFoundError: There is no such csv file.
        ValueError: It lacks one of the columns, or has no rows.
    """

    def __init__(
        self,
        ann_file: str,
        pipeline: Sequence[dict],
        data_root: str = '',
        image_column: str = 'filepath',
        text_column: str = 'title',
        delimiter: str = '\t',
        rows_per_shard: int = 1000,
        **kwargs,
    ) -> None:
        self.ann_file = Path(data_root) / ann_file
        self.data_root = Path(data_root)
        self.rows_per_shard = rows_per_shard
        self.rows = self._load(image_column, text_column, delimiter)
        super().__init__(pipeline, **kwargs)

    def _load(self, image_column: str, text_column: str, delimiter: str) -> list[tuple[str, str]]:
        if not exists_regular(self.ann_file):
            raise FileNotFoundError(f'There is no csv file {self.ann_file}: give ann_file and data_root.')
        lines = read_csv(self.ann_file, delimiter)
        _, columns = next(lines, (0, []))
        if not {image_column, text_column} <= set(columns):
            listed = printable(', '.join(columns)) or 'none'
            raise ValueError(
                f'{self.ann_file} has the columns {listed}, expected {image_column!r} and {text_column!r}: '
                'set image_column, text_column and delimiter.'
            )
        image, text = columns.index(image_column), columns.index(text_column)
        rows, short = [], []
        for number, row in lines:
            if len(row) > max(image, text) and row[image].strip() and row[text].strip():
                rows.append((row[image], row[text]))
            elif row:
                short.append(number)
        if short:
            print_log(
                f'{self.ann_file}: {len(short):,} of {len(short) + len(rows):,} rows have no image or no caption and '
                f'are skipped, the first ends in line {short[0]}.',
                logger='current',
                level=logging.WARNING,
            )
        if not rows:
            raise ValueError(f'{self.ann_file} has no row with an image and a caption: give a file with pairs.')
        return rows

    def find_shards(self) -> list[range]:
        """Runs of row numbers."""
        starts = range(0, len(self.rows), self.rows_per_shard)
        return [range(start, min(start + self.rows_per_shard, len(self.rows))) for start in starts]

    def read_shard(self, shard: range) -> Iterator[dict]:
        """The raw samples of some rows."""
        for number in shard:
            path, text = self.rows[number]
            raw = dict(key=f'{number}', text=text)
            try:
                raw['image'] = read_bytes(self.data_root / path, DEFAULT_LIMITS.max_bytes)
            except (OSError, ValueError) as error:
                print_log(f'{self.ann_file}, row {number + 1}: {error}', logger='current', level=logging.WARNING)
            yield raw
