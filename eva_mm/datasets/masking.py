"""Which patches masked image modelling hides."""

import math
import random
from collections.abc import Sequence

import numpy as np

from eva_mm.registry import TRANSFORMS

_ATTEMPTS = 10


def _grid(size: int | Sequence[int]) -> tuple[int, int]:
    height, width = (size, size) if isinstance(size, int) else size
    return height, width


@TRANSFORMS.register_module()
class BlockwiseMask:
    """Hide random rectangles of patches (BEiT, arXiv 2106.08254), with the stopping rule of the released EVA.

    Rectangles are drawn until ``num_masked`` patches are hidden or ten draws in a row add nothing, so a mask never has
    more patches than asked for and often slightly fewer: of 105 on a 16 x 16 grid, 104.45 in the mean. Draws come from
    Python's ``random``, which mmengine seeds in every worker.

    Adds the key ``mask``: bool array (H, W), true where hidden.

    Args:
        grid_size: Patches along the height and the width.
        num_masked: Patches to hide.
        min_block: Smallest area of a rectangle, in patches.
        max_block: Largest area; ``None`` means ``num_masked``.
        min_aspect: Smallest ratio of height to width; its inverse is the largest.
        exact: Hide exactly ``num_masked``: what the released rule leaves open is filled with random single patches.
            Not in the release; gives every image of a batch the same number of hidden patches.

    Raises:
        ValueError: ``num_masked`` is not between 1 and the number of patches.
    """

    def __init__(
        self,
        grid_size: int | Sequence[int] = 16,
        num_masked: int = 105,
        min_block: int = 16,
        max_block: int | None = None,
        min_aspect: float = 0.3,
        exact: bool = False,
    ) -> None:
        self.height, self.width = _grid(grid_size)
        if not 0 < num_masked <= self.height * self.width:
            raise ValueError(
                f'num_masked={num_masked} must lie between 1 and the {self.height * self.width} patches of the grid.'
            )
        self.num_masked = num_masked
        self.min_block = min_block
        self.max_block = num_masked if max_block is None else max_block
        self.log_aspect = (math.log(min_aspect), math.log(1 / min_aspect))
        self.exact = exact

    def _add_block(self, mask: np.ndarray, budget: int) -> int:
        """Hide one rectangle with at least one new and at most ``budget`` new patches; returns how many are new."""
        for _ in range(_ATTEMPTS):
            # once fewer than min_block patches are left the bounds are reversed: as released
            area = random.uniform(self.min_block, budget)
            aspect = math.exp(random.uniform(*self.log_aspect))
            height, width = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
            if height >= self.height or width >= self.width:
                continue
            top = random.randint(0, self.height - height)
            left = random.randint(0, self.width - width)
            block = mask[top : top + height, left : left + width]
            added = block.size - int(block.sum())
            if 0 < added <= budget:
                block[:] = True
                return added
        return 0

    def draw(self) -> np.ndarray:
        """One mask, bool (H, W)."""
        mask = np.zeros((self.height, self.width), dtype=bool)
        masked = 0
        while masked < self.num_masked:
            added = self._add_block(mask, min(self.num_masked - masked, self.max_block))
            if not added:
                break
            masked += added
        if self.exact:
            visible = np.flatnonzero(~mask).tolist()
            mask.reshape(-1)[random.sample(visible, self.num_masked - masked)] = True
        return mask

    def __call__(self, results: dict) -> dict:
        """Add ``mask`` to ``results``."""
        results['mask'] = self.draw()
        return results

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(grid=({self.height}, {self.width}), num_masked={self.num_masked}, '
            f'min_block={self.min_block}, max_block={self.max_block}, exact={self.exact})'
        )


@TRANSFORMS.register_module()
class EvenPatchMask:
    """Hide every patch with an even index: the fixed mask of the released validation.

    Adds the key ``mask``: bool array (H, W).

    Args:
        grid_size: Patches along the height and the width.
    """

    def __init__(self, grid_size: int | Sequence[int] = 16) -> None:
        self.grid = _grid(grid_size)

    def __call__(self, results: dict) -> dict:
        """Add ``mask`` to ``results``."""
        results['mask'] = (np.arange(math.prod(self.grid)) % 2 == 0).reshape(self.grid)
        return results
