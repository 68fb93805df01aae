"""Curves of logged quantities."""

from pathlib import Path

import matplotlib

matplotlib.use('Agg')
from matplotlib import pyplot as plt  # noqa: E402
from results import curve  # noqa: E402

COLOURS = {'mim': '#0b6e4f', 'MIM': '#0b6e4f', 'scratch': '#b5651d'}
NAMES = {'mim': 'from MIM', 'scratch': 'from scratch'}


def draw_curves(runs: dict[str, Path], key: str, label: str, file: Path) -> Path:
    """Plot one logged quantity of several runs against the step."""
    figure, axes = plt.subplots(figsize=(7, 3), layout='constrained')
    for name, run in runs.items():
        steps, values = curve(run, key)
        axes.plot(steps, values, marker='o' if len(steps) < 30 else None, markersize=3,
                  color=COLOURS.get(name), label=NAMES.get(name, name))  # fmt: skip
    axes.set_xlabel('step')
    axes.set_ylabel(label)
    axes.grid(alpha=0.3)
    if len(runs) > 1:
        axes.legend()
    figure.savefig(file, dpi=120)
    plt.close(figure)
    return file
