"""The video recipes against the release's configs, code and logs, value by value."""

from pathlib import Path

import pytest
import torch
from mmengine.config import Config

from tests.helpers.recipes import differences

pytest.importorskip('mmaction')

CONFIGS = Path(__file__).parents[2] / 'configs' / 'video'

COMMON = {
    'optim_wrapper.type': 'AmpOptimWrapper',
    'optim_wrapper.clip_grad': None,
    'optim_wrapper.optimizer.type': 'AdamW',
    'optim_wrapper.optimizer.betas': (0.9, 0.98),
    'optim_wrapper.optimizer.eps': 1e-6,
    'optim_wrapper.optimizer.weight_decay': 0.05,
    'auto_scale_lr.base_batch_size': 256,
    'randomness.seed': 1024,
    'randomness.diff_rank_seed': True,
    'model.backbone.arch': 'giant',
    'model.backbone.tubelet_size': 1,
    'model.backbone.patch_size': 14,
    'model.backbone.img_size': 224,
    'model.backbone.patch_grad_scale': None,  # 1: the embedding is trained
    'model.backbone.with_cp': True,
    'model.cls_head.label_smooth_eps': 0.1,
    'model.cls_head.average_clips': 'prob',
    'model.data_preprocessor.mean': (123.675, 116.28, 103.53),
    'model.data_preprocessor.std': (58.395, 57.12, 57.375),
    'val_dataloader.batch_size': 2,
    'train_dataloader.dataset.pipeline.3.scale': (-1, 256),
    'train_dataloader.dataset.pipeline.4.scales': (1, 0.875, 0.75, 0.66),
    'train_dataloader.dataset.pipeline.4.max_wh_scale_gap': 1,
    'train_dataloader.dataset.pipeline.4.input_size': 224,
    'train_dataloader.dataset.pipeline.6.flip_ratio': 0.5,
    'train_dataloader.dataset.pipeline.7.prob': 0.8,
    'train_dataloader.dataset.pipeline.8.prob': 0.2,
    'val_dataloader.dataset.pipeline.3.scale': (-1, 256),
    'val_dataloader.dataset.pipeline.4.crop_size': 224,
    'test_dataloader.dataset.pipeline.1.num_clips': 4,
    'test_dataloader.dataset.pipeline.3.scale': (-1, 224),
    'test_dataloader.dataset.pipeline.4.type': 'ThreeCrop',
}
FINE_TUNED = {
    **COMMON,
    'optim_wrapper.optimizer.lr': 1e-6,
    'optim_wrapper.paramwise_cfg.layer_decay_rate': 0.95,
    'optim_wrapper.accumulative_counts': 4,
    'param_scheduler': (),  # constant
    'train_dataloader.batch_size': 1,
    'model.backbone.num_frames': 16,
    'model.backbone.drop_path_rate': 0.2,
    'model.backbone.init_cfg.checkpoint': 'checkpoints/eva_video_k722.pth',
    'model.data_preprocessor.blending': None,
}
TABLES = {
    'eva-g-p14_8f-224_k722': {
        **COMMON,
        'optim_wrapper.optimizer.lr': 8e-6,
        'optim_wrapper.paramwise_cfg.layer_decay_rate': None,
        'optim_wrapper.accumulative_counts': None,
        'param_scheduler.warmup_epochs': 5,
        'param_scheduler.eta_min_ratio': 1e-2,
        'param_scheduler.ramp': 'from_start',
        'param_scheduler.delay': 1,
        'train_cfg.max_epochs': 40,
        'train_dataloader.batch_size': 2,
        'model.backbone.num_frames': 8,
        'model.backbone.drop_path_rate': 0.3,
        'model.cls_head.num_classes': 722,
        'model.data_preprocessor.blending.augments.0.alpha': 1.0,
        'model.data_preprocessor.blending.augments.1.alpha': 0.8,
    },
    'eva-g-p14_16f-224_k400': {**FINE_TUNED, 'train_cfg.max_epochs': 1, 'model.cls_head.num_classes': 400},
    'eva-g-p14_16f-224_k600': {**FINE_TUNED, 'train_cfg.max_epochs': 2, 'model.cls_head.num_classes': 600},
    'eva-g-p14_16f-224_k700': {**FINE_TUNED, 'train_cfg.max_epochs': 2, 'model.cls_head.num_classes': 700},
}


@pytest.mark.parametrize('name', TABLES)
def test_values(name):
    assert differences(Config.fromfile(CONFIGS / f'{name}.py'), TABLES[name]) == {}


@pytest.mark.parametrize('name', TABLES)
def test_classifiers_start_near_zero(name):
    """A truncated normal of 0.02, times 0.001."""
    from mmaction.registry import MODELS
    from mmengine.registry import init_default_scope

    cfg = Config.fromfile(CONFIGS / f'{name}.py')
    init_default_scope(cfg.default_scope)
    head = MODELS.build(dict(cfg.model.cls_head, start_from=None))
    head.init_weights()
    assert head.fc_cls.weight.std().item() == pytest.approx(2e-5, rel=0.02)
    assert torch.count_nonzero(head.fc_cls.bias) == 0
