"""What relative positions add to the logits, block by block, and how the gradient of a block flows back.

Both kinds are tuples of tensors, so that an autograd function can take them apart; a second instance of the same kind
holds their gradients.

Shape letters: P = B * h pairs of sample and head, p and n the pairs and queries of a block, (H, W) the grid of patches.
"""

from typing import NamedTuple

from torch import Tensor


class RowsAndColumns(NamedTuple):
    """For each query a term of the key's row (P, H*W, H) and one of its column (P, H*W, W); row-major patches."""

    rows: Tensor
    columns: Tensor

    reversed_keys = False
    # queries that stand before the first row of a block, and the number that a block must hold a multiple of
    alignment = (0, 1)

    def add_to(self, logits: Tensor, pairs: slice, queries: slice) -> None:
        """Add the terms to a block of logits (p, n, H*W) in place."""
        rows, columns = self.rows[pairs, queries], self.columns[pairs, queries]
        logits.unflatten(-1, (rows.shape[-1], -1)).add_(rows.unsqueeze(-1)).add_(columns.unsqueeze(-2))

    def take_gradient(self, grad: Tensor, pairs: slice, queries: slice) -> None:
        """Put what a block's gradient (p, n, H*W) says of the terms into these tensors."""
        by_key = grad.unflatten(-1, (self.rows.shape[-1], -1))
        self.rows[pairs, queries], self.columns[pairs, queries] = by_key.sum(-1), by_key.sum(-2)


class Distances(NamedTuple):
    """A term for each distance of two patches, query minus key from the smallest (P, 2 H - 1, 2 W - 1), and three that
    involve the class token, which is the first query (P, 3): to patches, from patches, to itself.

    Keys are in reverse order, class token last: the terms of a query at row r and column c are then the rectangle of
    the map that starts at (r, c), and those of a whole block a view of it.
    """

    maps: Tensor
    of_class: Tensor

    reversed_keys = True

    @property
    def grid(self) -> tuple[int, int]:
        """(H, W)."""
        return (self.maps.shape[1] + 1) // 2, (self.maps.shape[2] + 1) // 2

    @property
    def alignment(self) -> tuple[int, int]:
        """A block holds whole rows of the grid, the first one the class token besides."""
        return 1, self.grid[1]

    def _parts(self, logits: Tensor, queries: slice) -> tuple[Tensor, Tensor, Tensor, range]:
        """Views of a block: patches (p, rows, W, H, W), their class column, the class query, and the rows' numbers."""
        height, width = self.grid
        extra = int(queries.start == 0)
        patches = logits[:, extra:, :-1].unflatten(-1, (height, width)).unflatten(1, (-1, width))
        rows = range((queries.start - 1 + extra) // width, (queries.stop - 1) // width)
        return patches, logits[:, extra:, -1], logits[:, :extra], rows

    def add_to(self, logits: Tensor, pairs: slice, queries: slice) -> None:
        """Add the terms to a block of logits (p, n, 1 + H*W) in place."""
        height, width = self.grid
        patches, class_key, class_query, rows = self._parts(logits, queries)
        patches += self.maps[pairs].unfold(1, height, 1).unfold(2, width, 1)[:, rows.start : rows.stop]
        to_patch, to_class, itself = self.of_class[pairs, :, None].unbind(1)
        class_key += to_class
        class_query[..., :-1] += to_patch[..., None]
        class_query[..., -1] += itself

    def take_gradient(self, grad: Tensor, pairs: slice, queries: slice) -> None:
        """Sum a block's gradient (p, n, 1 + H*W) over equal distances into these tensors."""
        height, width = self.grid
        patches, class_key, class_query, rows = self._parts(grad, queries)
        # columns first: rows x W small rectangles become one strip for each row
        strips = grad.new_zeros(len(patches), len(rows), height, 2 * width - 1)
        for column in range(width):
            strips[..., column : column + width] += patches[:, :, column]
        for strip, row in zip(strips.unbind(1), rows):
            self.maps[pairs, row : row + height] += strip
        self.of_class[pairs, 0] += class_query[..., :-1].sum((1, 2))
        self.of_class[pairs, 1] += class_key.sum(1)
        self.of_class[pairs, 2] += class_query[..., -1].sum(1)
