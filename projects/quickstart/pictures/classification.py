"""Validation images with the predictions of both models."""

from pathlib import Path

import matplotlib

matplotlib.use('Agg')
import torch  # noqa: E402
from matplotlib import pyplot as plt  # noqa: E402
from pictures.loading import load_run, samples  # noqa: E402

COLUMNS, ROWS = 10, 2
RIGHT, WRONG = '#0b6e4f', '#b00020'


@torch.no_grad()
def draw(runs: dict[str, Path], folder: Path) -> list[tuple[Path, str]]:
    """Pictures of the classification section, each with its caption."""
    predictions = {}
    for init, run in runs.items():
        cfg, model = load_run(run)
        batch = samples(cfg, COLUMNS * ROWS)
        data = model.data_preprocessor(
            {'inputs': [s['inputs'] for s in batch], 'data_samples': [s['data_samples'] for s in batch]}, False
        )
        predictions[init] = [int(out.pred_label) for out in model.predict(**data)]
    figure, axes = plt.subplots(ROWS, COLUMNS, figsize=(1.15 * COLUMNS, 1.55 * ROWS), layout='constrained')
    for index, (axis, sample) in enumerate(zip(axes.flat, batch)):
        axis.imshow(sample['inputs'].flip(0).permute(1, 2, 0).numpy())
        axis.axis('off')
        truth = int(sample['data_samples'].gt_label)
        for init, height in (('mim', 1.2), ('scratch', 1.02)):
            label = predictions[init][index]
            axis.text(0.5, height, f'{init}: {label}', transform=axis.transAxes, ha='center', fontsize=9,
                      color=RIGHT if label == truth else WRONG)  # fmt: skip
    file = folder / 'classification.png'
    figure.savefig(file, dpi=120)
    plt.close(figure)
    return [(file, 'Validation images with both predictions; green is right.')]
