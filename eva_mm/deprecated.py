"""Names that are going away: they work for one minor version more, and say what to use."""

import functools
import warnings
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec('P')
R = TypeVar('R')


def deprecated(since: str, use: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Mark a function or a class as deprecated; each call warns with the name to use instead.

    Args:
        since: Version of eva_mm that deprecated it.
        use: What to use instead, for instance ``'eva_mm.checkpoint.load_pretrained'``.
    """

    def mark(function: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            warnings.warn(
                f'{function.__module__}.{function.__qualname__} is deprecated since eva_mm {since}; use {use}.',
                FutureWarning,
                stacklevel=2,
            )
            return function(*args, **kwargs)

        return call

    return mark
