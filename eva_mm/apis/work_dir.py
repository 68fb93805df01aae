"""Whether a run may have its work directory: one run at a time, and never over the checkpoints of another."""

import os
from pathlib import Path

from mmengine.config import Config

from eva_mm.apis.errors import UserError
from eva_mm.engine.long_run.checkpoint_store import checkpoints_in
from eva_mm.engine.long_run.work_dir_lock import WorkDirInUse, lock_work_dir

# what launchers call the number of a process
_RANKS = ('RANK', 'SLURM_PROCID', 'OMPI_COMM_WORLD_RANK')


def is_first_process(launcher: str | None) -> bool:
    """Whether this process has rank 0, before any process group is made."""
    if launcher in (None, 'none'):
        return True
    return next((os.environ[name] for name in _RANKS if name in os.environ), '0') == '0'


def claim_work_dir(cfg: Config) -> None:
    """Lock the work directory, and refuse to start anew where an earlier run has left checkpoints.

    A new run would write over them, or remove them as outdated ones of its own. Only the first process of a run looks.

    Args:
        cfg: A whole config, with ``work_dir`` and ``launcher``.

    Raises:
        UserError: Another run is in the directory, or it holds checkpoints and the run is not to be resumed.
    """
    if not is_first_process(cfg.get('launcher')):
        return
    try:
        lock_work_dir(cfg.work_dir)
    except WorkDirInUse as error:
        raise UserError(str(error)) from None
    if cfg.get('resume'):
        return
    found = [path for folder in _checkpoint_folders(cfg) for path in checkpoints_in(folder)]
    if found:
        names = ', '.join(path.name for path in found[:3])
        more = f' and {len(found) - 3} more' if len(found) > 3 else ''
        raise UserError(
            f'{found[0].parent} holds checkpoints of an earlier run ({names}{more}): go on with it by --resume, choose '
            'another --work-dir, or move them away.'
        )


def _checkpoint_folders(cfg: Config) -> list[Path]:
    work_dir = Path(cfg.work_dir)
    out_dir = ((cfg.get('default_hooks') or {}).get('checkpoint') or {}).get('out_dir')
    # mmengine's hook adds the name of the work directory
    return [work_dir] if not out_dir or '://' in str(out_dir) else [work_dir, Path(out_dir) / work_dir.resolve().name]
