"""Labelled images with the class names and sentences of CLIP_benchmark, through its own readers."""

import contextlib
import io
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

from clip_benchmark.datasets.builder import build_dataset
from PIL import Image

from eva_mm.datasets.benchmark_shards import WordedImages
from eva_mm.registry import DATASETS


@DATASETS.register_module()
class BenchmarkImages(WordedImages):
    """A data set of CLIP_benchmark that is read by index: most are torchvision's, laid out as torchvision does.

    Nothing is downloaded.

    Args:
        name: CLIP_benchmark's, such as ``'sun397'``.
        data_root: Folder that holds the data set's own folder, ``SUN397/`` for instance.
        split: Usually ``'test'``; data sets without splits give all.
        pipeline: Transforms of ``img`` (BGR) and ``gt_label``.

    Raises:
        FileNotFoundError: The data set is not there.
    """

    def __init__(
        self, name: str, data_root: str = 'data', split: str = 'test', pipeline: Sequence[dict | Callable] = ()
    ) -> None:
        missing = f'{data_root} has no {name}: put it there as torchvision unpacks it, see configs/clip/README.md.'
        # of some data sets the library would start a download by itself
        if not Path(data_root).is_dir():
            raise FileNotFoundError(missing)
        try:
            # it says for each data set without splits that it has none, and prints the size of VOC
            with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
                warnings.filterwarnings('ignore', message='split argument ignored')
                self.source = build_dataset(name, root=data_root, transform=None, split=split, download=False)
        except (RuntimeError, FileNotFoundError) as error:
            raise FileNotFoundError(f'{missing} {error}') from error
        super().__init__(self.source.classes, self.source.templates, pipeline)

    def __len__(self) -> int:
        return len(self.source)

    def read(self, index: int) -> tuple[Image.Image, int]:
        """An image of any mode, and its label."""
        return self.source[index]
