"""Label maps of both models beside the truth."""

from pathlib import Path

import matplotlib

matplotlib.use('Agg')
import torch  # noqa: E402
from matplotlib import pyplot as plt  # noqa: E402
from mmengine.dataset import pseudo_collate  # noqa: E402
from pictures.loading import load_run, samples  # noqa: E402
from torch import Tensor  # noqa: E402

COLUMNS = 6
IGNORED = 255


def _overlay(image: Tensor, labels: Tensor, palette: Tensor) -> Tensor:
    """Image (3, H, W) BGR and labels (H, W) to RGB (H, W, 3) in 0..1; the last class is left as it is."""
    picture = image.flip(0).permute(1, 2, 0).float() / 255
    height, width = (min(a, b) for a, b in zip(labels.shape, picture.shape))
    labels, picture = labels[:height, :width], picture[:height, :width].clone()
    shown = (labels != IGNORED) & (labels != len(palette) - 1)
    picture[shown] = 0.35 * picture[shown] + 0.65 * palette[labels[shown]]
    return picture


@torch.no_grad()
def draw(runs: dict[str, Path], folder: Path) -> list[tuple[Path, str]]:
    """Pictures of the segmentation section, each with its caption."""
    figure, axes = plt.subplots(3, COLUMNS, figsize=(1.7 * COLUMNS, 5.4), layout='constrained')
    for row, (init, run) in enumerate(runs.items(), start=1):
        cfg, model = load_run(run)
        batch = samples(cfg, COLUMNS)
        palette = torch.tensor(plt.get_cmap('tab20').colors)[: model.decode_head.num_classes]
        for column, sample in enumerate(batch):
            # one by one: the images differ in size
            (result,) = model.test_step(pseudo_collate([sample]))
            labels = result.pred_sem_seg.data[0]
            labels = torch.nn.functional.interpolate(
                labels[None, None].float(), size=sample['inputs'].shape[1:], mode='nearest'
            )[0, 0].long()
            axes[row, column].imshow(_overlay(sample['inputs'], labels, palette).numpy())
            truth = sample['data_samples'].gt_sem_seg.data[0].long()
            truth = torch.nn.functional.interpolate(
                truth[None, None].float(), size=sample['inputs'].shape[1:], mode='nearest'
            )[0, 0].long()
            axes[0, column].imshow(_overlay(sample['inputs'], truth, palette).numpy())
        axes[row, 0].set_ylabel(f'from {"MIM" if init == "mim" else init}')
    axes[0, 0].set_ylabel('truth')
    for axis in axes.flat:
        axis.set_xticks([])
        axis.set_yticks([])
    file = folder / 'segmentation.png'
    figure.savefig(file, dpi=120)
    plt.close(figure)
    return [(file, 'Predicted label maps over validation images; the photograph itself is a class and left clear.')]
