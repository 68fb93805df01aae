"""The real pixels everything is made of: handwritten digits and photographs that installed packages ship."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

SPLITS = ('train', 'val', 'test')
TRAIN_SHARE, VAL_SHARE = 0.7, 0.15
HELD_OUT_COLUMNS = 0.25


class SourceError(RuntimeError):
    """A package lacks the pictures that it is known to ship."""


@dataclass(frozen=True)
class Photo:
    """One photograph.

    Attributes:
        name: one word for file names and records.
        noun: how a caption speaks of it, with its article.
        pixels: RGB, uint8, (H, W, 3).
    """

    name: str
    noun: str
    pixels: np.ndarray

    def area(self, split: str) -> np.ndarray:
        """The columns that ``split`` may crop from: the left three quarters train, the rest does not."""
        border = round(self.pixels.shape[1] * (1 - HELD_OUT_COLUMNS))
        return self.pixels[:, :border] if split == 'train' else self.pixels[:, border:]


@dataclass(frozen=True)
class Sources:
    """Digits per split and class, each (N, 8, 8) float32 of ink in 0..1, and the photographs."""

    digits: Mapping[str, tuple[np.ndarray, ...]]
    photos: tuple[Photo, ...]


def load_sources(seed: int) -> Sources:
    """Read digits and photographs and deal the digit images out to the splits.

    Args:
        seed: which digit image goes to which split.

    Raises:
        SourceError: if a photograph is not where its package keeps it.
    """
    return Sources(split_digits(seed), load_photos())


def split_digits(seed: int) -> dict[str, tuple[np.ndarray, ...]]:
    """scikit-learn's 1,797 digits, shared out 70 / 15 / 15 % within each class; no image is in two splits."""
    from sklearn.datasets import load_digits

    data = load_digits()
    rng = np.random.default_rng([seed, len(data.target)])
    shares: dict[str, list[np.ndarray]] = {split: [] for split in SPLITS}
    for label in range(10):
        ink = data.images[data.target == label].astype(np.float32)
        ink = rng.permutation(ink / ink.max(axis=(1, 2), keepdims=True))
        cuts = np.cumsum([round(len(ink) * TRAIN_SHARE), round(len(ink) * VAL_SHARE)])
        for split, part in zip(SPLITS, np.split(ink, cuts), strict=True):
            shares[split].append(part)
    return {split: tuple(parts) for split, parts in shares.items()}


def load_photos() -> tuple[Photo, ...]:
    """The photographs of scikit-learn and matplotlib.

    Raises:
        SourceError: if one of the files is missing or is no picture.
    """
    import matplotlib
    import sklearn

    scikit = Path(sklearn.__file__).parent / 'datasets' / 'images'
    samples = Path(matplotlib.get_data_path()) / 'sample_data'
    return (
        _read_photo('palace', 'a palace', scikit / 'china.jpg'),
        _read_photo('flower', 'a flower', scikit / 'flower.jpg'),
        _read_photo('officer', 'an officer', samples / 'grace_hopper.jpg'),
    )


def _read_photo(name: str, noun: str, path: Path) -> Photo:
    pixels = cv2.imread(str(path), cv2.IMREAD_COLOR) if path.is_file() else None
    if pixels is None:
        raise SourceError(
            f'The photograph {path.name} was expected in {path.parent} and cannot be read: '
            'reinstall scikit-learn and matplotlib.'
        )
    return Photo(name, noun, np.ascontiguousarray(pixels[:, :, ::-1]))
