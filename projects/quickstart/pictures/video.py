"""Frames of validation clips with the predictions of both models."""

from pathlib import Path

import matplotlib

matplotlib.use('Agg')
import torch  # noqa: E402
from matplotlib import pyplot as plt  # noqa: E402
from mmengine.dataset import pseudo_collate  # noqa: E402
from pictures.loading import load_run, samples  # noqa: E402

ROWS, FRAMES = 5, 4
RIGHT, WRONG = '#0b6e4f', '#b00020'


@torch.no_grad()
def draw(runs: dict[str, Path], folder: Path) -> list[tuple[Path, str]]:
    """Pictures of the video section, each with its caption."""
    predictions = {}
    for init, run in runs.items():
        cfg, model = load_run(run)
        batch = samples(cfg, ROWS)
        predictions[init] = [int(out.pred_label) for out in model.test_step(pseudo_collate(batch))]
    classes = (Path(cfg.nano_val.data_root) / 'classes.txt').read_text().split('\n')
    figure, axes = plt.subplots(ROWS, FRAMES, figsize=(2 * FRAMES + 2.5, 2 * ROWS), layout='constrained')
    for row, sample in enumerate(batch):
        clip = sample['inputs'][0]  # (3, T, H, W)
        for column, time in enumerate(torch.linspace(0, clip.shape[1] - 1, FRAMES).long().tolist()):
            axes[row, column].imshow(clip[:, time].permute(1, 2, 0).numpy())
            axes[row, column].axis('off')
        truth = int(sample['data_samples'].gt_label)
        axes[row, 0].set_title(classes[truth], loc='left', fontsize=10)
        for init, height in (('mim', 0.6), ('scratch', 0.4)):
            label = predictions[init][row]
            axes[row, -1].text(1.05, height, f'{init}: {classes[label]}', transform=axes[row, -1].transAxes,
                               color=RIGHT if label == truth else WRONG)  # fmt: skip
    file = folder / 'video.png'
    figure.savefig(file, dpi=120)
    plt.close(figure)
    return [(file, 'Four frames of validation clips, the true class above, both predictions beside; green is right.')]
