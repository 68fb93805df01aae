"""What is left of the data after a resumption, for mmengine's loops that count iterations."""

from collections.abc import Iterable, Iterator
from typing import Any


class RemainingBatches:
    """The batches that are left, for a loop that first passes over those that are done.

    :class:`mmengine.runner.IterBasedTrainLoop` asks for the batches that are done one by one, and that of
    onedl-mmengine (0.10.12) calls ``skip_iter`` instead. Either way no sample is read.

    Args:
        batches: What is left.
        done: How many batches the loop is going to pass over.
    """

    def __init__(self, batches: Iterable[Any], done: int) -> None:
        self._batches = batches
        self._iterator: Iterator[Any] | None = None
        self._done = done

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        if self._done:
            self._done -= 1
            return None
        if self._iterator is None:  # not before the first batch is needed: it starts the workers
            self._iterator = iter(self._batches)
        return next(self._iterator)

    def skip_iter(self, num_iters: int) -> None:
        """Pass over so many batches at once.

        Raises:
            ValueError: They are more than are done.
        """
        if num_iters > self._done:
            raise ValueError(f'{num_iters} batches are to be passed over, but only {self._done} are done.')
        self._done -= num_iters
