"""One run a work directory: a lock that its process holds for as long as it lives."""

import errno
import json
import os
import shlex
import socket
import sys
import time
from pathlib import Path

try:
    import fcntl
except ImportError:  # not on Windows, where nothing is locked
    fcntl = None  # type: ignore[assignment]

LOCK = '.lock'
# a file system that has no locks, such as NFS mounted with nolock on some servers
_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL}
# of this process; closing a lock's file, even another handle of it, would give it up
_held: dict[Path, int] = {}


class WorkDirInUse(ValueError):
    """Another run is in the work directory; the text names it."""


def lock_work_dir(folder: str | os.PathLike) -> None:
    """Lock a work directory for this process, or find out who has.

    The lock is one of fcntl(2): the kernel gives it up when the process ends, however it does, so none is ever left
    behind. Over NFS it holds between hosts where the server's lock service runs, as it does by default. Where the file
    system has no locks, the holder that the file names is asked for by its process id; if that is one of another host,
    the directory counts as used until the file is removed.

    Args:
        folder: Made if it is not there.

    Raises:
        WorkDirInUse: Another process holds it.
        OSError: The directory cannot be made or written to.
    """
    if fcntl is None:
        return
    file = (Path(folder).resolve()) / LOCK
    if file in _held:
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        holder = _read(handle)
        if error.errno in _NO_LOCKS and not _is_alive(holder):
            pass
        elif error.errno in _NO_LOCKS | {errno.EACCES, errno.EAGAIN}:
            os.close(handle)
            raise WorkDirInUse(_sentence(folder, file, holder, error.errno in _NO_LOCKS)) from None
        else:
            os.close(handle)
            raise
    _held[file] = handle
    _write(handle)


def release_work_dir(folder: str | os.PathLike) -> None:
    """Give up the lock of this process before it ends."""
    handle = _held.pop(Path(folder).resolve() / LOCK, None)
    if handle is not None:
        os.close(handle)


def _write(handle: int) -> None:
    holder = dict(host=socket.gethostname(), pid=os.getpid(), command=shlex.join(sys.argv), since=time.ctime())
    try:
        os.ftruncate(handle, 0)
        os.pwrite(handle, json.dumps(holder).encode(), 0)
    except OSError:  # a full disk: the lock holds all the same
        pass


def _read(handle: int) -> dict:
    try:
        holder = json.loads(os.pread(handle, 10_000, 0))
    except (OSError, ValueError):
        return {}
    return holder if isinstance(holder, dict) else {}


def _is_alive(holder: dict) -> bool:
    """Whether a holder may still run, where only the file tells of it."""
    if holder.get('host') != socket.gethostname():
        return bool(holder)
    try:
        os.kill(int(holder['pid']), 0)
    except (ProcessLookupError, KeyError, ValueError, TypeError, OverflowError):
        return False
    except PermissionError:
        pass
    return True


def _sentence(folder: str | os.PathLike, file: Path, holder: dict, is_guess: bool) -> str:
    who = 'another run'
    if holder:
        who = (
            f'a run on {holder.get("host")}, process {holder.get("pid")}, since {holder.get("since")} '
            f'({holder.get("command")})'
        )
    stale = f', or remove {file} if that run is gone' if is_guess else ''
    return f'{folder} is in use by {who}: wait for it, end it, or choose another --work-dir{stale}.'
