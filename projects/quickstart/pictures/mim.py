"""Masked input, teacher features and student features side by side."""

import random
from pathlib import Path

import matplotlib

matplotlib.use('Agg')
import torch  # noqa: E402
from matplotlib import pyplot as plt  # noqa: E402
from pictures.loading import load_run, samples  # noqa: E402
from torch import Tensor  # noqa: E402

from eva_mm.datasets import BlockwiseMask  # noqa: E402

COLUMNS = 6
# images that fix the principal components
CONTEXT = 64


def _principal_colours(features: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and first three principal directions of features (M, D)."""
    mean = features.mean(0)
    return mean, torch.linalg.svd(features - mean, full_matrices=False)[2][:3].T


def _as_colours(features: Tensor, mean: Tensor, directions: Tensor, low: Tensor, high: Tensor) -> Tensor:
    return (((features - mean) @ directions - low) / (high - low)).clamp(0, 1)


@torch.no_grad()
def draw_features(student: Path, teacher: Path, data: Path, file: Path) -> Path:
    """One column an image: the image, what is left of it, teacher features, predicted features, of hidden patches.

    Args:
        student: Work dir of the pre-training.
        teacher: Folder of the CLIP that it learned from.
        data: The nano world.
        file: Picture to write.
    """
    cfg, model = load_run(student)
    model.target_generator.model = f'local-dir:{teacher}'
    cfg.val_dataloader.dataset.data_root = str(data / 'imagenet')
    batch = torch.stack([sample['inputs'] for sample in samples(cfg, CONTEXT)])
    images = model.data_preprocessor({'inputs': batch, 'data_samples': None}, False)['inputs']
    random.seed(0)
    draw_mask = BlockwiseMask(**cfg.masking)
    mask = torch.stack([torch.from_numpy(draw_mask.draw()) for _ in range(len(images))])
    target = torch.nn.functional.normalize(model.target_generator(images), dim=-1)
    tokens, flat_mask = model.backbone(images, mask)
    predicted = torch.nn.functional.normalize(model.head.lm_head(tokens[:, 1:]), dim=-1)

    mean, directions = _principal_colours(target.flatten(0, 1))
    projected = (target.flatten(0, 1) - mean) @ directions
    low, high = projected.quantile(0.02, 0), projected.quantile(0.98, 0)
    grid = mask.shape[-1]
    figure, axes = plt.subplots(4, COLUMNS, figsize=(1.5 * COLUMNS, 6.4), layout='constrained')
    for column in range(COLUMNS):
        picture = batch[column].flip(0).permute(1, 2, 0).numpy()
        hidden = mask[column].repeat_interleave(14, 0).repeat_interleave(14, 1).numpy()
        left = picture.copy()
        left[hidden] = 128
        seen = _as_colours(target[column], mean, directions, low, high).view(grid, grid, 3)
        guess = _as_colours(predicted[column], mean, directions, low, high).view(grid, grid, 3).clone()
        guess[~mask[column]] = 1
        for row, shown in enumerate((picture, left, seen, guess)):
            axes[row, column].imshow(shown)
            axes[row, column].set_xticks([])
            axes[row, column].set_yticks([])
    for row, title in enumerate(('image', 'student sees', 'teacher features', 'student predicts')):
        axes[row, 0].set_ylabel(title)
    figure.savefig(file, dpi=120)
    plt.close(figure)
    return file
