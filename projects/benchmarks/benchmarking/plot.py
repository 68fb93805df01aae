"""Pictures of the reports."""

import statistics
import textwrap
from pathlib import Path

import matplotlib

matplotlib.use('Agg')
from matplotlib import pyplot as plt  # noqa: E402


def plot_report(report: dict, file: Path) -> None:
    """Bars of images/s with the spread of the rounds, and of peak memory beyond the weights."""
    panels = [key for key in ('time', 'peak_bytes') if key in report]
    figure, axes = plt.subplots(1, len(panels), figsize=(5 * len(panels), 3), squeeze=False, layout='constrained')
    names = report['contenders']
    for axis, panel in zip(axes[0], panels):
        if panel == 'time':
            speeds = [report['time']['images_per_second'][name] for name in names]
            rounds = [report['time']['seconds'][name] for name in names]
            below = [speed * (1 - statistics.median(own) / max(own)) for speed, own in zip(speeds, rounds)]
            axis.bar(names, speeds, yerr=[below, [0] * len(below)], capsize=4)
            axis.set_ylabel('images/s, median and slowest round')
        else:
            axis.bar(names, [report['peak_bytes'][name] / 2**20 for name in names])
            axis.set_ylabel('peak beyond weights, MiB')
    figure.suptitle(textwrap.fill(report['machine']['command'], 45 * len(figure.axes)), fontsize=8)
    figure.savefig(file, dpi=120)
    plt.close(figure)


def plot_scaling(report: dict, quantities: dict[str, str], file: Path) -> None:
    """One panel for each quantity, one curve with its exponent for each thing that varies, relative to its start."""
    figure, axes = plt.subplots(1, len(quantities), figsize=(5 * len(quantities), 3.5), layout='constrained')
    for axis, (quantity, title) in zip(axes, quantities.items()):
        for name, curve in report['curves'].items():
            xs, ys = ([value / values[0] for value in values] for values in (curve['x'], curve[quantity]))
            axis.loglog(xs, ys, marker='o', label=f'{name}, exponent {curve["exponent"][quantity]:.2f}')
        axis.set_xlabel('multiple of the smallest setting')
        axis.set_ylabel(f'{title}, multiple')
        axis.legend(fontsize=8)
    figure.suptitle(textwrap.fill(report['machine']['command'], 45 * len(figure.axes)), fontsize=8)
    figure.savefig(file, dpi=120)
    plt.close(figure)
