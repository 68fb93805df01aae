"""Reading what a run logged."""

import json
from pathlib import Path


def scalars(run: Path) -> list[dict]:
    """All records that mmengine logged in a work dir, in the order of time, a resumed run included."""
    records = []
    for file in sorted(run.glob('*/vis_data/scalars.json')):
        records += [json.loads(line) for line in file.read_text().splitlines() if line.strip()]
    return records


def curve(run: Path, key: str) -> tuple[list[int], list[float]]:
    """Steps and values of one logged quantity."""
    points = [(record['step'], record[key]) for record in scalars(run) if key in record and 'step' in record]
    return [step for step, _ in points], [value for _, value in points]


def last(run: Path, key: str) -> float:
    """The last value of a logged quantity.

    Raises:
        KeyError: The run never logged it.
    """
    _, values = curve(run, key)
    if not values:
        raise KeyError(f'{run} has logged no {key}: remove the folder and run again.')
    return values[-1]
