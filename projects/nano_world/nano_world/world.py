"""What every set is made from: a folder, a seed, sizes, sources, and a random stream per item."""

from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

import numpy as np

from .sources import Sources

NUM_DIGITS = 10


@dataclass(frozen=True)
class World:
    """One nano world.

    Attributes:
        out: folder that holds all sets.
        seed: the only source of chance.
        sizes: items per set and split.
        sources: digits and places.
    """

    out: Path
    seed: int
    sizes: dict[str, dict[str, int]]
    sources: Sources

    def rng(self, key: str, index: int = 0) -> np.random.Generator:
        """The random stream of one item, which no other item and no order of work can disturb."""
        return np.random.default_rng([self.seed, crc32(key.encode()), index])

    def label(self, key: str, index: int, num_classes: int = NUM_DIGITS) -> int:
        """A random class; each run of ``num_classes`` items has every class once."""
        block, place = divmod(index, num_classes)
        return int(self.rng(f'{key}/labels', block).permutation(num_classes)[place])
