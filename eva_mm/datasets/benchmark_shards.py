"""Labelled images with class names and sentences, and the shards in which CLIP_benchmark keeps them."""

import io
import tarfile
from collections.abc import Callable, Sequence
from pathlib import Path

from mmengine.dataset import Compose
from PIL import Image
from torch.utils.data import Dataset

from eva_mm.datasets.pillow_bgr import to_pixels
from eva_mm.registry import DATASETS
from eva_mm.safe_io.images import IMAGE_SUFFIXES

CLASSES = 'classnames.txt'
TEMPLATES = 'zeroshot_classification_templates.txt'


class WordedImages(Dataset):
    """Images with labels; ``metainfo`` has ``classes`` and ``templates``, where ``{}`` stands for a class name.

    A sample has ``img``, BGR (H, W, 3), and ``gt_label``.

    Args:
        classes: Names in the order of their labels.
        templates: Sentences as CLIP_benchmark writes them, with ``{c}``.
        pipeline: Transforms.
    """

    def __init__(self, classes: Sequence[str], templates: Sequence[str], pipeline: Sequence[dict | Callable]) -> None:
        self.metainfo = dict(
            classes=tuple(classes), templates=tuple(template.replace('{c}', '{}') for template in templates)
        )
        self.pipeline = Compose(pipeline)

    def read(self, index: int) -> tuple[Image.Image, int]:
        """An image of any mode, and its label."""
        raise NotImplementedError

    def __getitem__(self, index: int) -> dict:
        image, label = self.read(index)
        pixels = to_pixels(image.convert('RGB'))
        size = pixels.shape[:2]
        return self.pipeline(dict(img=pixels, img_shape=size, ori_shape=size, gt_label=int(label), sample_idx=index))


@DATASETS.register_module()
class BenchmarkShards(WordedImages):
    """A folder of tar files as ``clip_benchmark_export_wds`` writes it, read by index.

    ``classnames.txt``, ``zeroshot_classification_templates.txt`` and ``SPLIT/*.tar``, where each sample is an image
    and a file ``.cls`` with its label. The project of CLIP_benchmark publishes its data sets in this form.

    Args:
        data_root: The folder.
        split: Its folder of tar files.
        pipeline: Transforms of ``img`` (BGR) and ``gt_label``.

    Raises:
        FileNotFoundError: A list or all tar files are missing.
        ValueError: An image has no label, or a label no image.
    """

    def __init__(self, data_root: str, split: str = 'test', pipeline: Sequence[dict | Callable] = ()) -> None:
        root = Path(data_root)
        shards = sorted((root / split).glob('*.tar'))
        for found, name in (
            ((root / CLASSES).is_file(), CLASSES),
            ((root / TEMPLATES).is_file(), TEMPLATES),
            (shards, f'{split}/*.tar'),
        ):
            if not found:
                raise FileNotFoundError(f'{root} has no {name}: it must be a folder of shards of CLIP_benchmark.')
        self.samples = [sample for shard in shards for sample in _index(shard)]
        super().__init__(*(_lines(root / name) for name in (CLASSES, TEMPLATES)), pipeline)

    def __len__(self) -> int:
        return len(self.samples)

    def read(self, index: int) -> tuple[Image.Image, int]:
        """An image of any mode, and its label."""
        shard, start, size, label = self.samples[index]
        with shard.open('rb') as file:
            file.seek(start)
            return Image.open(io.BytesIO(file.read(size))), label


def _lines(file: Path) -> list[str]:
    return [line.strip() for line in file.read_text(encoding='utf-8').splitlines()]


def _index(shard: Path) -> list[tuple[Path, int, int, int]]:
    """Where each image lies in a tar file, with its label: (file, first byte, bytes, label), in the file's order."""
    images, labels = {}, {}
    with tarfile.open(shard) as archive:
        for member in archive:
            key, suffix = Path(member.name).with_suffix('').as_posix(), Path(member.name).suffix.lower()
            if suffix in IMAGE_SUFFIXES:
                images[key] = (shard, member.offset_data, member.size)
            elif suffix == '.cls':
                labels[key] = int(archive.extractfile(member).read())
    odd = images.keys() ^ labels.keys()
    if odd:
        raise ValueError(f'{shard} has no {"label" if min(odd) in images else "image"} of {min(odd)}.')
    return [(*place, labels[key]) for key, place in images.items()]
