"""Detections and masks of both models beside the truth."""

from pathlib import Path

import matplotlib

matplotlib.use('Agg')
import torch  # noqa: E402
from matplotlib import pyplot as plt  # noqa: E402
from matplotlib.axes import Axes  # noqa: E402
from matplotlib.patches import Rectangle  # noqa: E402
from mmengine.dataset import pseudo_collate  # noqa: E402
from pictures.loading import load_run, samples  # noqa: E402
from torch import Tensor  # noqa: E402

COLUMNS, SCORE = 6, 0.2
COLOURS = plt.get_cmap('tab10').colors


def _show(axis: Axes, image: Tensor, boxes: Tensor, masks: Tensor, labels: Tensor) -> None:
    """One image (3, H, W) BGR with boxes (M, 4), masks (M, H, W) and labels (M,)."""
    picture = image.flip(0).permute(1, 2, 0).float() / 255
    for mask, label in zip(masks, labels.tolist()):
        height, width = (min(a, b) for a, b in zip(mask.shape, picture.shape))
        area = mask[:height, :width].bool()
        picture[:height, :width][area] = 0.5 * picture[:height, :width][area] + 0.5 * torch.tensor(COLOURS[label % 10])
    axis.imshow(picture.numpy())
    for (left, top, right, bottom), label in zip(boxes.tolist(), labels.tolist()):
        colour = COLOURS[label % 10]
        axis.add_patch(Rectangle((left, top), right - left, bottom - top, fill=False, edgecolor=colour, linewidth=1.5))
        axis.text(left, top - 1, str(label), color='white', fontsize=8, backgroundcolor=colour, va='bottom')
    axis.set_xticks([])
    axis.set_yticks([])


@torch.no_grad()
def draw(runs: dict[str, Path], folder: Path) -> list[tuple[Path, str]]:
    """Pictures of the detection section, each with its caption."""
    figure, axes = plt.subplots(3, COLUMNS, figsize=(1.7 * COLUMNS, 5.6), layout='constrained')
    for row, (init, run) in enumerate(runs.items(), start=1):
        cfg, model = load_run(run)
        batch = samples(cfg, COLUMNS)
        # results in the frame of the input, not of the file, in which the truth comes
        scales = [torch.tensor(sample['data_samples'].scale_factor).repeat(2) for sample in batch]
        for sample in batch:
            sample['data_samples'].set_metainfo(dict(scale_factor=(1.0, 1.0), ori_shape=sample['inputs'].shape[1:]))
        for column, (sample, result) in enumerate(zip(batch, model.test_step(pseudo_collate(batch)))):
            found = result.pred_instances[result.pred_instances.scores > SCORE]
            found = found[found.scores.argsort()]  # the surest on top
            _show(axes[row, column], sample['inputs'], found.bboxes, found.masks, found.labels)
            if row == 1:
                truth = sample['data_samples'].gt_instances
                shape = tuple(sample['inputs'].shape[1:])
                masks = torch.from_numpy(truth.masks.resize(shape).masks) if 'masks' in truth else torch.zeros(0, 1, 1)
                boxes = truth.bboxes.tensor if hasattr(truth.bboxes, 'tensor') else truth.bboxes
                _show(axes[0, column], sample['inputs'], boxes * scales[column], masks, truth.labels)
        axes[row, 0].set_ylabel(f'from {"MIM" if init == "mim" else init}')
    axes[0, 0].set_ylabel('truth')
    file = folder / 'detection.png'
    figure.savefig(file, dpi=120)
    plt.close(figure)
    return [(file, f'Boxes, masks and classes of validation images; detections with a score above {SCORE}.')]
