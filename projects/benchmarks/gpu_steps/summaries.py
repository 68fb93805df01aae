"""One line for the results of each step."""

from collections import Counter
from typing import Any

from gpu_steps.recorder import BEYOND, FAILED, OK, SKIPPED

Row = dict[str, Any]


def _measured(rows: list[Row]) -> list[Row]:
    return [row for row in rows if row['status'] in (OK, BEYOND)]


def _parity(rows: list[Row]) -> str:
    worst: dict[str, Row] = {}
    for row in rows:
        # not held to a bound: no use comparing
        gradient = 0 if row['gradient_bound'] is None else row['gradient_error']
        error = max(row['output_error'], gradient)
        if row['precision'] not in worst or error > worst[row['precision']]['error']:
            worst[row['precision']] = {'error': error, 'case': row['case']}
    return 'worst ' + ', '.join(f'{name} {row["error"]:.1e} ({row["case"]})' for name, row in worst.items())


def _training(rows: list[Row]) -> str:
    row = max(rows, key=lambda row: row['worst_error'] / row['bound'])
    return f'nearest to its bound: {row["case"]}, {row["run"]}, loss off by {row["worst_error"]:.1e}'


def _mim(rows: list[Row]) -> str:
    best = max(rows, key=lambda row: row['images_per_second'])
    share = f'{best["share_of_matrix_rate"]:.0%} of the matrix rate'
    return f'fastest {best["case"]}: {best["images_per_second"]:.1f} images/s, {share}'


def _detector(rows: list[Row]) -> str:
    return ', '.join(f'{row["case"]} {row["peak_bytes"] / 2**30:.2f} GiB' for row in rows)


def _attention(rows: list[Row]) -> str:
    return ', '.join(
        f'{row["case"]}: {row["kernel"]} kernel, {row["milliseconds"]:.2f} ms'
        for row in rows
        if row['mode'] == 'forward' and row['form'] in ('extra channels', 'fused')
    )


_TELL = {'parity': _parity, 'training': _training, 'mim': _mim, 'detector': _detector, 'attention': _attention}


def summarise(step: str, rows: list[Row]) -> str:
    """How many rows there are of each status, and what matters most in them."""
    counts = Counter(row['status'] for row in rows)
    measured = _measured(rows)
    parts = [f'{len(measured)} measured']
    parts += [f'{counts[status]} {status}' for status in (BEYOND, FAILED, SKIPPED) if counts[status]]
    line = ', '.join(parts)
    return f'{line}; {_TELL[step](measured)}' if measured else line


def problems(rows: list[Row]) -> list[str]:
    """One line for each row that failed, was skipped or is beyond its bound."""
    lines = []
    for row in rows:
        if row['status'] != OK:
            kind = ', '.join(str(row[key]) for key in ('case', 'precision', 'run', 'form', 'mode') if key in row)
            lines.append(f'{kind}: {row["status"]}' + (f': {row["message"]}' if row.get('message') else ''))
    return lines
