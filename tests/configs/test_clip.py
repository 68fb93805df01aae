"""What the CLIP configs feed to the tower: the pixels of torchvision's data sets and CLIP's own preprocessing."""

from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from PIL import Image
from torchvision.transforms import CenterCrop, InterpolationMode, Resize

FOLDER = Path(__file__).parents[2] / 'configs' / 'clip'
RNG = np.random.default_rng(0)


def released_view(image):
    """CLIP's preprocessing before normalisation."""
    return np.asarray(CenterCrop(224)(Resize(224, InterpolationMode.BICUBIC)(image)))


def pipeline(cfg, transforms):
    from mmcv.transforms import Compose

    return Compose([transforms.build(step) for step in cfg.test_dataloader.dataset.pipeline])


def photograph(size, path=None, orientation=1):
    """Detail that a filter which does not average would alias; with an EXIF tag if it is saved."""
    image = Image.fromarray(RNG.integers(0, 256, (*size, 3), dtype=np.uint8))
    if path is not None:
        exif = Image.Exif()
        exif[0x0112] = orientation
        image.save(path, exif=exif, quality=95)
    return image


@pytest.mark.parametrize('orientation', [1, 6])
@pytest.mark.parametrize('size', [(500, 333), (241, 480), (120, 90)])
def test_zero_shot_images_are_as_released(size, orientation, tmp_path):
    from mmpretrain.registry import TRANSFORMS

    cfg = Config.fromfile(FOLDER / 'zero-shot_in1k.py')
    init_default_scope(cfg.default_scope)
    file = tmp_path / 'photograph.jpg'
    photograph(size, file, orientation)
    packed = pipeline(cfg, TRANSFORMS)(dict(img_path=str(file), gt_label=0))
    expected = released_view(Image.open(file).convert('RGB'))
    # the preprocessor turns BGR around
    assert np.array_equal(packed['inputs'].numpy()[::-1].transpose(1, 2, 0), expected)


class Frame:
    """Stands for a video of one frame."""

    def __init__(self, image):
        self.image = image

    def __len__(self):
        return 3

    def read(self, indices):
        return [np.asarray(self.image) for _ in indices]


@pytest.mark.parametrize('size', [(500, 333), (241, 480), (120, 91)])
def test_zero_shot_frames_are_as_released(size):
    from mmaction.registry import TRANSFORMS

    cfg = Config.fromfile(FOLDER / 'zero-shot_k400.py')
    init_default_scope(cfg.default_scope)
    assert cfg.test_dataloader.dataset.pipeline[0].type == 'eva_mm.OpenVideo'
    del cfg.test_dataloader.dataset.pipeline[0]
    image = photograph(size)
    packed = pipeline(cfg, TRANSFORMS)(dict(video_reader=Frame(image), total_frames=3, label=0, start_index=0))
    assert torch.equal(packed['inputs'][0], torch.from_numpy(released_view(image).copy()).permute(2, 0, 1))
