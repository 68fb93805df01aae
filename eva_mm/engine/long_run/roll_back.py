"""Going back to the last good checkpoint within a run, with other data from there on."""

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from mmengine.dist import broadcast_object_list, is_main_process
from mmengine.logging import print_log

from eva_mm.engine.long_run.checkpoint_store import newest_sound, write_pointer

CHANGES = 'data_seed_changes'  # in the message hub, and so in every later checkpoint


class RollBack(RuntimeError):
    """Training is lost; a resumable loop catches it and goes back, any other loop ends with its sentence."""


def decided_by_first(decide: Callable[[], Any]) -> Any:
    """What a function returns or raises in the first process, in all of them.

    Raises:
        ValueError: The function does.
    """
    answer: list[Any] = [None]
    if is_main_process():
        try:
            answer = [decide()]
        except ValueError as error:
            answer = [error]
    broadcast_object_list(answer)
    if isinstance(answer[0], ValueError):
        raise answer[0]
    return answer[0]


def resume_from(folder: str, skip: Collection[str] = ()) -> str | None:
    """:func:`~eva_mm.engine.long_run.checkpoint_store.newest_sound`, read by one process and the same for all.

    Raises:
        ValueError: There are checkpoints, and all are damaged.
    """
    return decided_by_first(lambda: newest_sound(folder, skip))


def roll_back(runner: Any, lost: RollBack, left: Collection[str]) -> str:
    """Resume the running process from an older checkpoint and change the seed of its data.

    Args:
        runner: The runner, in training.
        lost: Why.
        left: Checkpoints that this process has gone back to before and that did not help.

    Returns:
        The checkpoint.

    Raises:
        RollBack: There is no checkpoint to go back to.
    """
    changes = runner.message_hub.runtime_info.get(CHANGES, 0) + 1
    checkpoint = resume_from(runner.work_dir, left)
    if checkpoint is None:
        raise RollBack(f'{lost} There is no earlier checkpoint in {runner.work_dir} to go back to.') from lost
    print_log(f'{lost} Going back to {checkpoint}, with other data from there on.', 'current', 30)
    if is_main_process():  # killed before its next checkpoint, the run must not resume from the lost one
        write_pointer(Path(runner.work_dir), checkpoint)
    runner._resume = True  # what the hooks go by
    runner.resume(checkpoint)
    runner.message_hub.update_info(CHANGES, changes)
    return checkpoint
