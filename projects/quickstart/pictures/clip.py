"""Similarities of validation images and sentences, by the model trained from MIM."""

from pathlib import Path

import matplotlib

matplotlib.use('Agg')
import torch  # noqa: E402
from matplotlib import pyplot as plt  # noqa: E402
from pictures.loading import load_run, samples  # noqa: E402

from eva_mm.models.multimodal.zero_shot import find_class_names  # noqa: E402

IMAGES, SENTENCE = 10, 'a photo of the digit {}'


@torch.no_grad()
def draw(runs: dict[str, Path], folder: Path) -> list[tuple[Path, str]]:
    """Pictures of the CLIP section, each with its caption."""
    cfg, model = load_run(runs['mim'])
    # one image of each class, in their order
    by_class = {int(sample['data_samples'].gt_label): sample for sample in samples(cfg, 20 * IMAGES)}
    chosen = [by_class[label] for label in sorted(by_class)][:IMAGES]
    data = model.data_preprocessor({'inputs': [sample['inputs'] for sample in chosen]}, False)
    names = find_class_names(cfg.model.zero_shot.classes)
    texts = model.encode_text(model.text.tokenize([SENTENCE.format(name) for name in names]))
    similarity = model.encode_image(data['inputs']) @ texts.T
    figure, axes = plt.subplots(2, 1, figsize=(7, 7), height_ratios=(1, 8), layout='constrained')
    strip = torch.cat([sample['inputs'].flip(0).permute(1, 2, 0) for sample in chosen], dim=1)
    axes[0].imshow(strip.numpy(), aspect='auto')
    axes[0].axis('off')
    picture = axes[1].imshow(similarity.T.numpy(), cmap='viridis', aspect='auto')
    axes[1].set_yticks(range(len(names)), [SENTENCE.format(name) for name in names])
    axes[1].set_xticks([])
    figure.colorbar(picture, ax=axes[1], label='cosine', fraction=0.03)
    file = folder / 'clip.png'
    figure.savefig(file, dpi=120)
    plt.close(figure)
    return [(file, 'Cosine of images (columns) and sentences (rows), none of which was a training target by itself.')]
