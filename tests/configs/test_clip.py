"""What the CLIP configs feed to the tower: the pixels of torchvision's data sets and CLIP's own preprocessing."""

from pathlib import Path

import numpy as np
import open_clip
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from PIL import Image
from torchvision.transforms import CenterCrop, InterpolationMode, Resize

from eva_mm.registry import MODELS
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
    # the command of EVA-CLIP/README.md, the table of models there, and EVA01-CLIP-g-14-plus.json
    'eva-clip-g-plus-p14_merged2b-224px': {
        **SHARED,
        'model.embed_dim': 1024,
        'model.visual.drop_path_rate': 0.0,
        'model.visual.patch_dropout': 0.5,
        'model.text.context_length': 77,
        'model.text.vocab_size': 49408,
        'model.text.width': 1024,
        'model.text.layers': 24,
        'model.text.heads': 16,
        'model.text.init_cfg.projection': False,  # --skip-list text_projection
        'train_dataloader.batch_size': 1024,  # of 112 GPUs: 114,688
        'train_dataloader.num_workers': 8,
        'train_cfg.max_iters': 100 * 352,  # 40 million samples are 349 batches, 44 for each of 8 workers
        'train_cfg.val_interval': 352,
        'default_hooks.checkpoint.interval': 352,
        'optim_wrapper.clip_grad.max_norm': 5.0,
        'optim_wrapper.optimizer.type': 'mmpretrain.Lamb',
        'optim_wrapper.optimizer.betas': (0.9, 0.999),
        'optim_wrapper.optimizer.eps': 1e-8,
        'randomness.seed': 4096,
        'randomness.diff_rank_seed': True,
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


PLUS = {'model.text.width': 1024, 'model.text.heads': 16, 'model.text.layers': 24}


@pytest.mark.parametrize('name, options', [('eva-clip-g-plus-p14_merged2b-224px', {}), ('zero-shot_sun397', PLUS)])
def test_g_plus_has_the_parameters_of_open_clip(name, options):
    """Any other benchmark takes g-plus with the three options that configs/clip/README.md has."""
    cfg = Config.fromfile(FOLDER / f'{name}.py')
    cfg.merge_from_dict(options)
    assert ' '.join(f'{key}={value}' for key, value in PLUS.items()) in ' '.join(
        (FOLDER / 'README.md').read_text().split()
    )
    theirs = open_clip.get_model_config('EVA01-g-14-plus')
    with torch.device('meta'):
        model = MODELS.build(cfg.model)
        text = open_clip.transformer.TextTransformer(**theirs['text_cfg'], output_dim=theirs['embed_dim'])
    visual = sum(weight.numel() for weight in model.visual.parameters())
    assert visual == 1_012_588_928  # as EVA-CLIP-g
    shapes = {name: tuple(weight.shape) for name, weight in model.text.state_dict().items() if name != 'logit_scale'}
    assert shapes == {name: tuple(weight.shape) for name, weight in text.state_dict().items()}
    assert sum(weight.numel() for weight in model.parameters()) == 1_366_621_569


# CLIP_benchmark's name of each data set; those of the release's clip/benchmark.md
LIBRARY = {
    'sun397': 'sun397', 'voc2007': 'voc2007', 'caltech101': 'caltech101', 'cars': 'cars', 'country211': 'country211',
    'dtd': 'dtd', 'eurosat': 'eurosat', 'fer2013': 'fer2013', 'aircraft': 'fgvc_aircraft', 'flowers': 'flowers',
    'food101': 'food101', 'gtsrb': 'gtsrb', 'mnist': 'mnist', 'pets': 'pets', 'stl10': 'stl10', 'pcam': 'pcam',
    'renderedsst2': 'renderedsst2',
}  # fmt: skip


@pytest.mark.parametrize('name', [*LIBRARY, 'resisc45'])
def test_words_and_images_of_a_benchmark_are_of_one_data_set(name):
    cfg = Config.fromfile(FOLDER / f'zero-shot_{name}.py')
    images = cfg.test_dataloader.dataset
    words = cfg.model.zero_shot
    assert images.get('name') == LIBRARY.get(name)
    assert words.classes == words.templates == {key: value for key, value in images.items() if key != 'pipeline'}
    assert [step.type for step in images.pipeline] == ['ResizeEdge', 'CenterCrop', 'PackInputs']
