"""One picture for each step, of the rows that were measured."""

import io
from typing import Any

import matplotlib

matplotlib.use('Agg')
from matplotlib import pyplot as plt  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402

Row = dict[str, Any]
COLOURS = ('#0b6e4f', '#b5651d', '#4464ad', '#8a8a8a', '#a23b72', '#c9a227')


def _panels(number: int, width: float = 5, height: float = 3.2, columns: int = 3) -> tuple[Figure, list]:
    columns = min(columns, number)
    lines = -(-number // columns)
    figure, axes = plt.subplots(
        lines, columns, figsize=(width * columns, height * lines), squeeze=False, layout='constrained'
    )
    for axis in axes.flat[number:]:
        axis.axis('off')
    return figure, list(axes.flat[:number])


def _verdict(error: float, bound: float | None) -> str:
    """Colour: held to no bound, within it, beyond it."""
    return COLOURS[3] if bound is None else COLOURS[0] if error <= bound else '#c0392b'


def _parity(rows: list[Row]) -> Figure:
    """Errors of every case as dots, with the bound of each precision."""
    precisions = list(dict.fromkeys(row['precision'] for row in rows))
    figure, axes = _panels(2, 6, 4, 2)
    for axis, part in zip(axes, ('output', 'gradient')):
        for place, precision in enumerate(precisions):
            own = [row for row in rows if row['precision'] == precision]
            # a log axis has no 0
            errors = [max(row[f'{part}_error'], 1e-9) for row in own]
            spread = [place + 0.5 * (index / max(len(own) - 1, 1) - 0.5) for index in range(len(own))]
            bounds = [row['bound' if part == 'output' else 'gradient_bound'] for row in own]
            axis.scatter(spread, errors, s=10, c=[_verdict(error, bound) for error, bound in zip(errors, bounds)])
            axis.plot([place - 0.35, place + 0.35], [min(row['bound'] for row in own)] * 2, color='black', linewidth=1)
        axis.set_yscale('log')
        axis.set_xticks(range(len(precisions)), precisions, fontsize=8)
        axis.set_ylabel(f'worst relative error, {part}s (0 as 1e-9)')
        axis.grid(axis='y', alpha=0.3)
    return figure


def _training(rows: list[Row]) -> Figure:
    """Loss curves of each task."""
    tasks = list(dict.fromkeys(row['case'] for row in rows))
    figure, axes = _panels(len(tasks), 4, 2.6)
    for axis, task in zip(axes, tasks):
        own = [row for row in rows if row['case'] == task]
        for colour, row in zip(COLOURS, own):
            steps = range(row.get('start', 0) + 1, row.get('start', 0) + len(row['losses']) + 1)
            axis.plot(steps, row['losses'], color=colour, label=row['run'], marker='.', markersize=4)
        reference = max((row['reference'] for row in own), key=len)
        axis.plot(range(1, len(reference) + 1), reference, color='black', linewidth=0.8, label='reference')
        axis.set_title(task, fontsize=9)
        axis.set_ylabel('loss', fontsize=8)
        axis.grid(alpha=0.3)
        axis.legend(fontsize=6)
    return figure


def _bars(axis: Any, rows: list[Row], value: str, label: str, scale: float = 1) -> None:
    names = [row['case'] for row in rows]
    axis.barh(names, [row[value] * scale for row in rows], color=COLOURS[0])
    axis.invert_yaxis()
    axis.set_xlabel(label)
    axis.tick_params(axis='y', labelsize=8)


def _mim(rows: list[Row]) -> Figure:
    figure, axes = _panels(3)
    _bars(axes[0], rows, 'images_per_second', 'images/s')
    _bars(axes[1], rows, 'share_of_matrix_rate', '% of the measured matrix rate', 100)
    _bars(axes[2], rows, 'peak_bytes', 'peak memory, GiB', 2**-30)
    return figure


def _detector(rows: list[Row]) -> Figure:
    figure, axes = _panels(2, 6, 3.4, 2)
    accounted = [row for row in rows if row.get('account_bytes')]
    _bars(axes[0], rows, 'peak_bytes', 'peak memory, GiB; line: account', 2**-30)
    for row in accounted:
        place = [other['case'] for other in rows].index(row['case'])
        axes[0].plot([row['account_bytes'] / 2**30] * 2, [place - 0.4, place + 0.4], color='black')
    _bars(axes[1], rows, 'seconds', 'ms', 1000)
    return figure


def _attention(rows: list[Row]) -> Figure:
    """Milliseconds and memory of the forms, a panel for each mode."""
    modes = list(dict.fromkeys(row['mode'] for row in rows))
    figure, axes = _panels(2 * len(modes), 6, 1.2 + 0.22 * len(rows) / max(len(modes), 1), 2)
    for index, mode in enumerate(modes):
        own = [{**row, 'case': f'{row["case"]}: {row["form"]}'} for row in rows if row['mode'] == mode]
        _bars(axes[2 * index], own, 'milliseconds', f'ms, {mode}')
        _bars(axes[2 * index + 1], own, 'peak_bytes', f'peak memory, GiB, {mode}', 2**-30)
    return figure


_DRAW = {'parity': _parity, 'training': _training, 'mim': _mim, 'detector': _detector, 'attention': _attention}


def draw(step: str, rows: list[Row]) -> bytes:
    """A PNG of a step's measured rows, of which there must be at least one."""
    figure = _DRAW[step](rows)
    buffer = io.BytesIO()
    figure.savefig(buffer, format='png', dpi=100)
    plt.close(figure)
    return buffer.getvalue()
