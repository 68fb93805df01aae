"""Names of weights: one table for each task, listed in :data:`eva_mm.tasks.TASKS`."""

from eva_mm.checkpoint.rules import KeyTable
from eva_mm.tasks import TASKS, find_task


def key_table(task: str) -> KeyTable:
    """The table of a task.

    Raises:
        ValueError: There is no such task, or its models have no weights of their own.
    """
    return find_task(task).part('key_table')


def key_tables() -> list[KeyTable]:
    """The tables of all tasks."""
    return [task.part('key_table') for task in TASKS.values() if task.key_table]
