"""What the CLIP configs feed to the tower: the pixels of torchvision's data sets and CLIP's own preprocessing."""

from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from PIL import Image
from torchvision.transforms import CenterCrop, InterpolationMode, Resize

from tests.helpers.recipes import differences

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


# the release's EVA_CLIP_g_14.json, README, deleted deepspeed_config.json, and the commands of EVA-CLIP/README.md
SHARED = {
    'model.visual.arch': 'giant',
    'model.visual.img_size': 224,
    'model.visual.patch_size': 14,
    'model.visual.drop_path_rate': 0.4,
    'model.data_preprocessor.mean': (255 * 0.48145466, 255 * 0.4578275, 255 * 0.40821073),
    'model.data_preprocessor.std': (255 * 0.26862954, 255 * 0.26130258, 255 * 0.27577711),
    'param_scheduler.type': 'eva_mm.EVACosineLR',
    'param_scheduler.warmup_iters': 2000,
    'param_scheduler.ramp': 'to_base',
    'param_scheduler.eta_min_ratio': None,  # 0
    'train_dataloader.dataset.pipeline.0.crop_ratio_range': (0.9, 1.0),
    'train_dataloader.dataset.pipeline.0.scale': 224,
    'optim_wrapper.optimizer.lr': 5e-4,
    'optim_wrapper.optimizer.weight_decay': 0.05,
}
TABLES = {
    'eva-clip-g-p14_laion400m-224px': {
        **SHARED,
        'model.embed_dim': 1024,
        'model.visual.patch_dropout': None,  # 0
        'model.text.width': 768,
        'model.text.layers': 12,
        'model.text.heads': 12,
        'train_dataloader.batch_size': 160,  # of 256 GPUs: 41k
        'strategy.gradient_clipping': 5.0,
        'strategy.fp16.initial_scale_power': 16,
        'strategy.fp16.loss_scale_window': 1000,
        'strategy.fp16.hysteresis': 2,
        'strategy.zero_optimization.stage': 1,
        'optim_wrapper.optimizer.type': 'AdamW',
        'optim_wrapper.optimizer.betas': (0.9, 0.98),
        'optim_wrapper.optimizer.eps': 1e-6,
    },
}


@pytest.mark.parametrize('name', TABLES)
def test_values(name):
    cfg = Config.fromfile(FOLDER / f'{name}.py')
    assert differences(cfg, TABLES[name]) == {}
    towers = cfg.optim_wrapper.paramwise_cfg.towers
    rate = cfg.optim_wrapper.optimizer.lr
    assert towers['visual.'].lr_mult * rate == pytest.approx(4e-4, rel=1e-12)
    assert towers['text.'].lr_mult * rate == pytest.approx(4e-5, rel=1e-12)
    assert (towers['visual.'].layer_decay_rate, towers['text.'].layer_decay_rate) == (0.85, 0.75)


def test_objectnet_is_not_cropped():
    """CLIP_benchmark, with which the release measured, leaves the red border."""
    steps = Config.fromfile(FOLDER / 'zero-shot_objectnet.py').test_dataloader.dataset.pipeline
    assert [step.type for step in steps] == ['LoadImageFromFile', 'ResizeEdge', 'CenterCrop', 'PackInputs']
