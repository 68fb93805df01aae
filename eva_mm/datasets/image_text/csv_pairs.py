"""Image-text pairs from a table with a path and a caption in each row."""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

from eva_mm.datasets.image_text.stream import ImageTextStream
from eva_mm.registry import DATASETS


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
        if not self.ann_file.is_file():
            raise FileNotFoundError(f'There is no csv file {self.ann_file}: give ann_file and data_root.')
        with self.ann_file.open(newline='') as file:
            reader = csv.DictReader(file, delimiter=delimiter)
            columns = reader.fieldnames or ()
            if not {image_column, text_column} <= set(columns):
                raise ValueError(
                    f'{self.ann_file} has the columns {", ".join(columns) or "none"}, expected {image_column!r} and '
                    f'{text_column!r}: set image_column, text_column and delimiter.'
                )
            rows = [(row[image_column], row[text_column]) for row in reader]
        if not rows:
            raise ValueError(f'{self.ann_file} has a header and no rows: give a file with pairs.')
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
            if (self.data_root / path).is_file():
                raw['image'] = (self.data_root / path).read_bytes()
            yield raw
