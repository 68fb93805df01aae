"""Lines that say how far the work is and how long it will still take."""

import time


class Progress:
    """Print a line every few seconds.

    Args:
        total: number of items.
        every: seconds between lines.
    """

    def __init__(self, total: int, every: float = 3.0) -> None:
        self.total, self.every = total, every
        self.done = 0
        self.started = self.last = time.monotonic()

    def step(self, name: str, count: int) -> None:
        """``count`` more items of the set ``name`` are done."""
        self.done += count
        now = time.monotonic()
        if now - self.last >= self.every:
            self.last = now
            left = (now - self.started) / self.done * (self.total - self.done)
            print(
                f'{self.done:,} of {self.total:,} items ({name}), about {left:.0f} s left',
                flush=True,
            )

    @property
    def seconds(self) -> float:
        """Since the start."""
        return time.monotonic() - self.started
