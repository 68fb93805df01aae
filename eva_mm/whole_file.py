"""Files that are complete or absent. Needs the standard library alone."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole_file(file: Path) -> Iterator[Path]:
    """Another name, with the same suffix, to write a file under; it gets its own when the block ends well.

    What was there before stays until then, and if the block raises.

    Args:
        file: The file; its folder exists.
    """
    part = file.with_name(f'.{file.stem}.part{file.suffix}')
    try:
        yield part
        part.replace(file)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
