"""The real pixels: handwritten digits and photographs that installed packages ship."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

SPLITS = ('train', 'val', 'test')
TRAIN_SHARE, VAL_SHARE = 0.7, 0.15

Rectangle = tuple[int, int, int, int]
# name, noun with article, photograph, (left, top, right, bottom) for train and for all else. Each
# rectangle shows the noun wherever it is cropped, so captions are true; no two overlap.
PLACES: tuple[tuple[str, str, str, Rectangle, Rectangle], ...] = (
    ('palace', 'a palace', 'china.jpg', (75, 50, 205, 380), (205, 70, 330, 380)),
    ('trees', 'trees', 'china.jpg', (340, 290, 480, 427), (480, 280, 640, 427)),
    ('flower', 'a flower', 'flower.jpg', (175, 100, 310, 340), (310, 100, 440, 340)),
    ('leaves', 'leaves', 'flower.jpg', (0, 0, 165, 427), (460, 0, 640, 390)),
    ('officer', 'an officer', 'grace_hopper.jpg', (145, 20, 275, 600), (275, 20, 410, 600)),
)


class SourceError(RuntimeError):
    """A package lacks the pictures that it is known to ship."""


@dataclass(frozen=True)
class Place:
    """Two neighbouring areas of a photograph that show the same thing.

    Attributes:
        name: one word for records.
        noun: how a caption speaks of it.
        train: RGB, uint8, (H, W, 3); only training images show it.
        held_out: likewise, for all other images.
    """

    name: str
    noun: str
    train: np.ndarray
    held_out: np.ndarray

    def area(self, split: str) -> np.ndarray:
        """The pixels that ``split`` may crop from."""
        return self.train if split == 'train' else self.held_out


@dataclass(frozen=True)
class Sources:
    """Digits per split and class, each (N, 8, 8) float32 of ink in 0..1, and the places."""

    digits: Mapping[str, tuple[np.ndarray, ...]]
    places: tuple[Place, ...]


def load_sources(seed: int) -> Sources:
    """Read digits and photographs and deal the digit images out to the splits.

    Args:
        seed: which digit image goes to which split.

    Raises:
        SourceError: if a photograph is not where its package keeps it.
    """
    return Sources(split_digits(seed), load_places())


def split_digits(seed: int) -> dict[str, tuple[np.ndarray, ...]]:
    """scikit-learn's 1,797 digits, dealt out 70 / 15 / 15 % within each class."""
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


def load_places() -> tuple[Place, ...]:
    """Cut the places out of the photographs of scikit-learn and matplotlib.

    Raises:
        SourceError: if one of the files is missing or is no picture.
    """
    import matplotlib
    import sklearn

    scikit = Path(sklearn.__file__).parent / 'datasets' / 'images'
    samples = Path(matplotlib.get_data_path()) / 'sample_data'
    photos = {
        path.name: _read_photo(path)
        for path in (scikit / 'china.jpg', scikit / 'flower.jpg', samples / 'grace_hopper.jpg')
    }
    return tuple(
        Place(name, noun, _cut(photos[file], train), _cut(photos[file], held_out))
        for name, noun, file, train, held_out in PLACES
    )


def _cut(photo: np.ndarray, rectangle: Rectangle) -> np.ndarray:
    left, top, right, bottom = rectangle
    return np.ascontiguousarray(photo[top:bottom, left:right])


def _read_photo(path: Path) -> np.ndarray:
    pixels = cv2.imread(str(path), cv2.IMREAD_COLOR) if path.is_file() else None
    if pixels is None:
        raise SourceError(
            f'the photograph {path.name} was expected in {path.parent} and cannot be read: '
            'reinstall scikit-learn and matplotlib.'
        )
    return pixels[:, :, ::-1]
