"""What the classification configs take from mmpretrain against timm and torchvision, which the release used."""

from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from PIL import Image
from torchvision import transforms
from torchvision.transforms import InterpolationMode

pytest.importorskip('mmpretrain')

CONFIG = Path(__file__).parents[2] / 'configs/classification/eva-g-p14_in21k-pre_in1k-336px.py'


@pytest.fixture(scope='module')
def image():
    """(120, 160, 3) uint8 RGB with smooth and sharp parts."""
    y, x = np.mgrid[:120, :160]
    colours = np.stack((x * 1.5, y * 2, 127 + 80 * np.sin(x / 9) * np.cos(y / 7)), axis=-1)
    colours[30:70, 40:90] = 255 - colours[30:70, 40:90]
    return colours.clip(0, 255).astype(np.uint8)


@pytest.fixture(scope='module')
def pipeline():
    from mmpretrain.registry import TRANSFORMS
    from mmpretrain.utils import register_all_modules

    register_all_modules(init_default_scope=False)
    cfg = Config.fromfile(CONFIG)
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        return {name: [TRANSFORMS.build(step) for step in cfg[name]] for name in ('train_pipeline', 'test_pipeline')}


def test_cutmix_and_smoothing_are_timms():
    timm = pytest.importorskip('timm.data.mixup')
    from mmpretrain.models.losses import LabelSmoothLoss
    from timm.loss import SoftTargetCrossEntropy

    logits, labels, share = torch.randn(4, 11), torch.tensor([3, 1, 7, 7]), 0.3
    target = timm.mixup_target(labels, 11, share, smoothing=0.1)
    one_hot = torch.nn.functional.one_hot(labels, 11).float()
    mixed = share * one_hot + (1 - share) * one_hot.flip(0)
    loss = LabelSmoothLoss(0.1, num_classes=11, mode='original')(logits, mixed)
    torch.testing.assert_close(loss, SoftTargetCrossEntropy()(logits, target))


def test_cutmix_pastes_the_box_that_its_share_says():
    from mmpretrain.models.utils.batch_augments import CutMix

    np.random.seed(0)
    images, one_hot = torch.arange(6.0).view(6, 1, 1, 1).repeat(1, 3, 40, 40), torch.eye(6)
    mixed, scores = CutMix(alpha=1.0).mix(images.clone(), one_hot)
    for index in range(6):
        own = (mixed[index] == index).float().mean()
        assert scores[index, index] == pytest.approx(own.item(), abs=1e-6)
    assert not torch.equal(mixed, images)


@pytest.mark.parametrize('size', [(120, 160), (160, 111), (90, 90)])
def test_test_images_equal_torchvisions(image, pipeline, size):
    picture = Image.fromarray(image).resize(size[::-1])
    _, resize, crop, _ = pipeline['test_pipeline']
    ours = crop(resize({'img': np.asarray(picture)[..., ::-1].copy()}))['img'][..., ::-1]
    theirs = transforms.Compose(
        [transforms.Resize(336, interpolation=InterpolationMode.BICUBIC), transforms.CenterCrop(336)]
    )
    assert np.array_equal(ours, np.asarray(theirs(picture)))


def test_images_are_read_as_pillow_reads_them(image, pipeline, tmp_path):
    """Exif turns nothing, and a transparent png loses its alpha channel only."""
    alpha = np.full((*image.shape[:2], 1), 100, np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(image).save(tmp_path / 'turned.jpg', exif=exif)
    Image.fromarray(np.concatenate((image, alpha), axis=-1)).save(tmp_path / 'clear.png')
    for file in tmp_path.iterdir():
        read = pipeline['test_pipeline'][0]({'img_path': str(file)})['img'][..., ::-1]
        assert np.array_equal(read, np.asarray(Image.open(file).convert('RGB')))
