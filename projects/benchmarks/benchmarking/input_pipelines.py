"""From an image file to what a batch is made of: the pipeline of a config, and the same with torchvision on Pillow."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config, ConfigDict
from mmengine.dataset import Compose
from mmengine.registry import DATASETS, init_default_scope
from PIL import Image
from torchvision import transforms

from eva_mm.safe_io.images import FORMATS

# what a step takes and returns is its own affair; the first takes the number of a file
Steps = list[tuple[str, Callable[[Any], Any]]]


def _name(step: dict) -> str:
    return step['type'].removeprefix('eva_mm.')


def own_steps(cfg: Config, folder: Path, files: Sequence[Path]) -> Steps:
    """The training pipeline of a config on these files, ending in uint8 (3, H, W): EVA normalises on the GPU.

    Args:
        cfg: Of pre-training or classification.
        folder: Of the files, which it holds and no others.
        files: Images.
    """
    init_default_scope(cfg.get('default_scope', 'mmpretrain'))
    dataset = cfg.train_dataloader.dataset
    names = [_name(step) for step in dataset.pipeline]
    if _name(dataset) == 'MergedImages':
        built = DATASETS.build({**dataset, 'data_root': str(folder), 'sources': None, 'index': None})
        return [('MergedImages.load', built.load), *zip(names, built.pipeline.transforms)]
    load, *others = Compose(dataset.pipeline).transforms
    first = (names[0], lambda number: load(dict(img_path=str(files[number]), gt_label=0)))
    return [first, *zip(names[1:], others)]


def _torchvision_step(step: ConfigDict) -> Callable | None:
    """What does on Pillow images what a step of ours does; ``None`` for steps that leave the pixels alone."""
    name = _name(step)
    if name.endswith('RandomResizedCrop'):
        ratios, bicubic = step.get('crop_ratio_range', (0.08, 1.0)), transforms.InterpolationMode.BICUBIC
        return transforms.RandomResizedCrop(step.scale, tuple(ratios), interpolation=bicubic)
    if name == 'RandomFlip':
        return transforms.RandomHorizontalFlip(step.prob)
    if name == 'PillowRandAugment':
        # torchvision has other operations; timm's are EVA's, and made for torchvision's Compose
        from timm.data.auto_augment import rand_augment_transform

        policy = f'rand-m{step.magnitude}-mstd{step.magnitude_std}-inc1'
        return rand_augment_transform(policy, {'interpolation': Image.Resampling.BICUBIC})
    return None


def torchvision_steps(cfg: Config, files: Sequence[Path], normalised: bool) -> Steps:
    """The same augmentation as torchvision's users write it.

    Args:
        cfg: As for :func:`own_steps`.
        files: Images.
        normalised: End in normalised fp32, as is customary, instead of uint8.

    Raises:
        ValueError: The config has no random resized crop.
    """

    def load(number: int) -> Image.Image:
        with Image.open(files[number], formats=FORMATS) as image:
            return image.convert('RGB')

    pipeline = cfg.train_dataloader.dataset.pipeline
    steps = [(_name(step), found) for step in pipeline if (found := _torchvision_step(step)) is not None]
    if not any(isinstance(step, transforms.RandomResizedCrop) for _, step in steps):
        raise ValueError(
            'The training pipeline of the config has no RandomResizedCrop, for which torchvision is a peer: '
            'give a config of pre-training or classification.'
        )
    if not normalised:
        return [('load', load), *steps, ('PILToTensor', transforms.PILToTensor())]
    numbers = cfg.model.data_preprocessor
    mean, std = ([value / 255 for value in numbers[key]] for key in ('mean', 'std'))
    return [
        ('load', load),
        *steps,
        ('ToTensor', transforms.ToTensor()),
        ('Normalize', transforms.Normalize(mean, std)),
    ]
