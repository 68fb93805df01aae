"""mmengine: reading its own checkpoints, and finding this package's configs."""

import errno
import os
from collections.abc import Callable
from functools import wraps
from types import ModuleType
from typing import Any

__all__ = ['allow_checkpoints', 'name_eva_mm', 'remove_half_files']


def name_eva_mm(config_utils: ModuleType) -> None:
    """Let a config inherit from ours with ``_base_ = 'eva_mm::...'``.

    Defect: mmengine 0.10.7 (all versions so far) looks such names up in a table of OpenMMLab's own packages.
    Gone when ``mmengine.config.utils.MODULE2PACKAGE`` has the entry, or no longer exists.
    """
    config_utils.MODULE2PACKAGE.setdefault('eva_mm', 'eva_mm')


def remove_half_files(local_backend: ModuleType) -> None:
    """Let nothing empty or cut be left where a picture or a result could not be written.

    Defect: ``LocalBackend.put`` and ``put_text`` of mmengine 0.10.7 (all versions so far), through which the hosts
    write pictures, predictions and annotations, leave an empty or cut file behind on a full disk.
    Gone when a ``put`` of more bytes than RLIMIT_FSIZE allows leaves no file.
    """
    for name in ('put', 'put_text'):
        method = getattr(local_backend.LocalBackend, name)
        if not hasattr(method, '__wrapped__'):
            setattr(local_backend.LocalBackend, name, _removing(method))


def _removing(write: Callable[..., None]) -> Callable[..., None]:
    @wraps(write)
    def write_or_remove(self: Any, obj: Any, filepath: Any, *args: Any, **kwargs: Any) -> None:
        try:
            write(self, obj, filepath, *args, **kwargs)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) and os.path.isfile(filepath):
                os.remove(filepath)
            raise

    return write_or_remove


def allow_checkpoints(_: ModuleType | None = None) -> None:
    """Allow-list what the checkpoints of a ``Runner`` contain, and nothing more.

    Defect: mmengine up to 0.10.7 calls ``torch.load`` without saying what its checkpoints contain. From torch 2.6 on
    that means ``weights_only=True``, and resuming or testing fails on the message hub's ``HistoryBuffer``.
    Gone when ``torch.load`` reads a checkpoint of ``Runner.save_checkpoint`` without this call.

    Safe loading stays on. Besides ``HistoryBuffer`` and numeric NumPy arrays and scalars, a checkpoint refers to the
    methods ``HistoryBuffer.min``, ``.max``, ... by a call of ``getattr``. Allowing ``getattr`` itself would hand a
    hostile file the way to any attribute of any allowed object, so that name is answered by
    :func:`_statistics_method`, which knows these methods only.
    """
    import numpy as np
    from mmengine.logging.history_buffer import HistoryBuffer
    from torch.serialization import add_safe_globals

    array_rebuild = np.zeros(0).__reduce__()[0]
    scalar_rebuild = np.float64(0).__reduce__()[0]
    allowed: list[Any] = [
        HistoryBuffer,
        (_statistics_method, 'builtins.getattr'),
        np.ndarray,
        np.dtype,
        # Unpickling a dtype sets the state of an instance of its own class.
        *{type(np.dtype(code)) for code in '?' + np.typecodes['AllInteger'] + 'efd'},
    ]
    for core in ('numpy.core', 'numpy._core'):  # the names NumPy 1 and 2 write into a pickle
        allowed.append((array_rebuild, f'{core}.multiarray._reconstruct'))
        allowed.append((scalar_rebuild, f'{core}.multiarray.scalar'))
    add_safe_globals(allowed)


def _statistics_method(owner: Any, name: str) -> Any:
    """``getattr`` for pickles, of the registered statistics of ``HistoryBuffer`` alone."""
    from pickle import UnpicklingError

    from mmengine.logging.history_buffer import HistoryBuffer

    HistoryBuffer()  # its first instance registers the statistics
    method = vars(HistoryBuffer).get(name) if owner is HistoryBuffer and isinstance(name, str) else None
    if method is None or method not in HistoryBuffer._statistics_methods.values():
        raise UnpicklingError(
            f'The file asks for the attribute {name!r} of {owner!r}, which no checkpoint of mmengine needs; '
            'do not load it unless you trust where it comes from.'
        )
    return method
