"""The pre-training recipes against the release's README, code and logs, value by value."""

from pathlib import Path

import pytest
from mmengine.config import Config

from eva_mm.models.backbones.arch_zoo import ARCH_ZOO
from tests.helpers.recipes import differences, step

CONFIGS = Path(__file__).parents[2] / 'configs' / 'pretrain'
GIANT, LARGE = 'eva-g-p14_mim-clip-l_merged30m-224px', 'eva-l-p14_mae-eva-clip_in21k-224px'

COMMON = {
    'train_cfg.max_epochs': 150,
    'param_scheduler.warmup_epochs': 2,
    'param_scheduler.ramp': None,
    'param_scheduler.warmup_start_ratio': None,
    'optim_wrapper.optimizer.type': 'AdamW',
    'optim_wrapper.optimizer.eps': 1e-6,
    'optim_wrapper.optimizer.weight_decay': 0.05,
    'optim_wrapper.paramwise_cfg.layer_decay_rate': None,
    'strategy.fp16.initial_scale_power': 16,
    'strategy.fp16.loss_scale_window': 500,
    'strategy.fp16.hysteresis': 2,
    'strategy.fp16.min_loss_scale': 1,
    'strategy.zero_optimization.stage': 1,
    'strategy.zero_optimization.reduce_bucket_size': 500_000_000,
    'train_dataloader.batch_size': 32,
    'train_dataloader.drop_last': True,
    'train_dataloader.dataset.pipeline.0.type': 'RandomFlip',
    'train_dataloader.dataset.pipeline.0.prob': 0.5,
    'train_dataloader.dataset.pipeline.1.scale': 224,
    'train_dataloader.dataset.pipeline.1.crop_ratio_range': (0.2, 1.0),
    'train_dataloader.dataset.pipeline.1.interpolation': None,  # bicubic
    # one and a half times the training batch
    'val_dataloader.batch_size': 48,
    'val_dataloader.dataset.pipeline.0.color_type': 'color_ignore_orientation',
    'val_dataloader.dataset.pipeline.1.scale': 256,
    'val_dataloader.dataset.pipeline.1.interpolation': 'bicubic',
    'val_dataloader.dataset.pipeline.2.crop_size': 224,
    'model.data_preprocessor.mean': (255 * 0.48145466, 255 * 0.4578275, 255 * 0.40821073),
    'model.data_preprocessor.std': (255 * 0.26862954, 255 * 0.26130258, 255 * 0.27577711),
    'model.backbone.patch_size': 14,
    'model.backbone.img_size': 224,
    # a random base seed
    'randomness.seed': None,
}
TABLES = {
    GIANT: {
        **COMMON,
        'optim_wrapper.optimizer.lr': 1e-3,
        'optim_wrapper.optimizer.betas': (0.9, 0.98),
        'strategy.gradient_clipping': 3.0,
        'model.backbone.arch': 'giant',
        'model.backbone.drop_path_rate': 0.1,
        'model.head.out_channels': 768,
        'model.target_generator.model': 'ViT-L-14-quickgelu',
        'model.target_generator.pretrained': 'openai',
        'train_dataloader.dataset.pipeline.2.grid_size': 16,
        'train_dataloader.dataset.pipeline.2.num_masked': 105,
        'val_dataloader.dataset.pipeline.3.type': 'eva_mm.EvenPatchMask',
    },
    LARGE: {
        **COMMON,
        'optim_wrapper.optimizer.lr': 2.4e-3,
        'optim_wrapper.optimizer.betas': (0.9, 0.95),
        'model.backbone.arch': 'large',
        'model.backbone.mask_ratio': 0.75,
        'model.backbone.drop_path_rate': 0.0,
        'model.head.embed_dims': 512,
        'model.head.out_channels': 1024,
        # nothing is masked before the model: it hides a random 75 % in the validation as well
        'train_dataloader.dataset.pipeline.2.type': 'PackInputs',
        'val_dataloader.dataset.pipeline.3.type': 'PackInputs',
    },
}


@pytest.mark.parametrize('name', TABLES)
def test_values(name):
    assert differences(Config.fromfile(CONFIGS / f'{name}.py'), TABLES[name]) == {}


@pytest.mark.parametrize(('name', 'final'), [(GIANT, 1e-5), (LARGE, 1e-5)])
def test_final_learning_rate(name, final):
    cfg = Config.fromfile(CONFIGS / f'{name}.py')
    assert cfg.param_scheduler.eta_min_ratio * cfg.optim_wrapper.optimizer.lr == pytest.approx(final, rel=1e-12)


def test_masks_have_the_released_defaults():
    mask = step(Config.fromfile(CONFIGS / f'{GIANT}.py').train_dataloader.dataset.pipeline, 'BlockwiseMask')
    assert {key: mask.get(key) for key in ('min_block', 'max_block', 'exact')} == dict.fromkeys(
        ('min_block', 'max_block', 'exact')
    )
    from eva_mm.datasets.masking import BlockwiseMask

    built = BlockwiseMask(grid_size=16, num_masked=105)
    assert built.min_block == 16


@pytest.mark.parametrize(
    ('arch', 'sizes'), [('giant', (1408, 40, 16, 6144)), ('large', (1024, 24, 16, 4096))]
)  # fmt: skip
def test_sizes(arch, sizes):
    keys = ('embed_dims', 'num_layers', 'num_heads', 'feedforward_channels')
    assert tuple(getattr(ARCH_ZOO[arch], key) for key in keys) == sizes
