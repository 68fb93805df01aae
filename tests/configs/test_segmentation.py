"""What the segmentation configs claim: sizes, schedule, learning rates, and the baseline's pyramid."""

from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import PARAM_SCHEDULERS, init_default_scope
from torch import nn

from tests.helpers.parity import assert_near
from tests.helpers.recipes import differences

FOLDER = Path(__file__).parents[2] / 'configs' / 'segmentation'
ADE = 'mask2former_eva-g-p16-adapter_ade20k-896px.py'
# the numbers of parameters that the published logs list; iterations, warm-up, rate, decay, batch over all GPUs
RELEASED = {
    'mask2former_eva-g-p16-adapter_coco-stuff164k-896px.py': (1280654636, 60000, 1500, 1.5e-5, 0.95, 32),
    'mask2former_eva-g-p16-adapter-relpos_coco-stuff164k-896px.py': (
        1305451308, 80000, 1500, 1e-5, 0.95, 32
    ),
    ADE: (1280633111, 20000, 500, 2.5e-5, 0.95, 64),
    'mask2former_eva-g-p16-adapter-relpos_ade20k-896px.py': (1305429783, 40000, 1500, 1e-5, 0.9, 32),
}  # fmt: skip


def _config(name):
    cfg = Config.fromfile(FOLDER / name)
    init_default_scope(cfg.default_scope)
    return cfg


def _model(cfg):
    from mmseg.registry import MODELS

    with torch.device('meta'):
        return MODELS.build(cfg.model)


@pytest.mark.parametrize('name', RELEASED)
def test_released_recipes_have_their_numbers(name):
    parameters, iterations, _, lr, decay, batch = RELEASED[name]
    cfg = _config(name)
    assert sum(parameter.numel() for parameter in _model(cfg).parameters()) == parameters
    assert cfg.train_cfg.max_iters == iterations
    assert cfg.optim_wrapper.optimizer.lr == lr
    assert cfg.optim_wrapper.paramwise_cfg.layer_decay_rate == decay
    assert cfg.auto_scale_lr.base_batch_size == batch
    assert cfg.model.decode_head.transformer_decoder.num_layers == (9 if 'relpos' in name else 8)


@pytest.mark.parametrize('name', RELEASED)
def test_released_test_pipelines(name):
    """Short sides of 896 or seven others, multiples of 32, mirrored, then padded with black by the preprocessor."""
    cfg = _config(name)
    steps = [(step.type, step.get('scale'), step.get('size_divisor')) for step in cfg.test_pipeline]
    assert steps[1:3] == [('Resize', (3584, 896), None), ('ResizeToMultiple', None, 32)]
    resize, multiple, flip, *_ = cfg.tta_pipeline[1].transforms
    assert [step.scale for step in resize] == [(4 * side, side) for side in (512, 640, 768, 896, 1024, 1152, 1280)]
    assert [(step.type, step.size_divisor) for step in multiple] == [('ResizeToMultiple', 32)]
    assert [step.prob for step in flip] == [0.0, 1.0]
    assert cfg.model.data_preprocessor.type == 'eva_mm.BlackPadSegPreProcessor'
    assert cfg.model.data_preprocessor.test_cfg == dict(size=(896, 896))
    assert cfg.model.test_cfg == dict(mode='slide', crop_size=(896, 896), stride=(512, 512))


@pytest.mark.parametrize('name', RELEASED)
def test_schedule_is_that_of_the_logs(name):
    _, iterations, warmup, lr, _, _ = RELEASED[name]
    cfg = _config(name)
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=lr)
    schedulers = [PARAM_SCHEDULERS.build({**each, 'optimizer': optimizer}) for each in cfg.param_scheduler]
    wanted = {0, 1, warmup // 2, warmup - 1, warmup, warmup + 1, iterations // 2, iterations - 1}
    for step in range(iterations):
        if step in wanted:
            # mmcv 1: a linear warm-up multiplies the polynomial decay, which runs from the first iteration
            ramp = min(1, 1e-6 + (1 - 1e-6) * step / warmup)
            expected = lr * (1 - step / iterations) * ramp
            assert optimizer.param_groups[0]['lr'] == pytest.approx(expected, rel=1e-6), step
        optimizer.step()
        for scheduler in schedulers:
            scheduler.step()


def _rates(cfg):
    """Name of each parameter to its share of the learning rate and its weight decay."""
    model = _model(cfg)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    groups = build_optim_wrapper(model, cfg.optim_wrapper).param_groups
    # mmengine appends a group with a parameter of its own, to log the base rate
    return {
        names[id(p)]: (group['lr_scale'], group['weight_decay'])
        for group in groups
        for p in group['params']
        if id(p) in names
    }


def test_released_learning_rates():
    rates = _rates(_config(ADE))
    first = pytest.approx(0.95**41)
    for name in ('query_embed.weight', 'query_feat.weight', 'level_embed.weight', 'cls_embed.weight'):
        assert rates[f'decode_head.{name}'] == (first, 0.05)
    assert rates['decode_head.mask_embed.4.bias'] == (first, 0)
    assert rates['backbone.pos_embed'] == (first, 0.05) and rates['backbone.cls_token'] == (first, 0.05)
    assert rates['backbone.patch_embed.proj.bias'] == (first, 0)
    assert rates['backbone.blocks.39.attn.qkv.weight'] == (pytest.approx(0.95), 0.05)
    assert rates['backbone.blocks.0.attn.q_bias'] == (pytest.approx(0.95**40), 0)
    for name in ('spm.fc1.weight', 'interactions.0.injector.attn.value_proj.weight', 'up.weight', 'level_embed'):
        assert rates[f'backbone.{name}'] == (1, 0.05)
    assert rates['decode_head.pixel_decoder.level_encoding.weight'] == (1, 0.05)


def test_one_option_corrects_the_learning_rates(monkeypatch):
    released = _rates(_config(ADE))
    monkeypatch.setenv('EVA_SEG_RATES', 'corrected')
    corrected = _rates(_config(ADE))
    changed = {name for name in released if released[name] != corrected[name]}
    assert {'.'.join(name.split('.')[:2]) for name in changed} == {
        'backbone.pos_embed', 'backbone.cls_token', 'decode_head.query_embed', 'decode_head.query_feat',
        'decode_head.level_embed', 'decode_head.cls_embed', 'decode_head.mask_embed',
    }  # fmt: skip
    assert all(corrected[name][0] == 1 for name in changed if name.startswith('decode_head.'))
    assert corrected['backbone.pos_embed'] == (pytest.approx(0.95**41), 0)


def test_unpublished_sizes_have_the_corrected_rates():
    for name in ('mask2former_eva-b-p16-adapter', 'mask2former_eva-l-p16-adapter'):
        rates = _rates(_config(f'{name}_ade20k-512px.py'))
        assert rates['decode_head.query_embed.weight'][0] == 1
        assert rates['backbone.pos_embed'][1] == 0


def test_linear_config_trains_one_linear_map():
    model = _model(_config('linear_eva-g-p16_ade20k-512px.py'))
    trainable = {name.split('.')[0] for name, p in model.named_parameters() if p.requires_grad}
    assert trainable == {'decode_head'}
    assert not [module for module in model.decode_head.modules() if isinstance(module, (nn.ReLU, nn.GELU))]


def test_pyramid_of_the_plain_baseline_is_the_released_one(reference):
    from mmseg.models.necks import Feature2Pyramid

    golden = reference('seg_baseline_a.pt')
    neck = Feature2Pyramid(golden['config']['embed_dim']).eval()
    renamed = {
        name.replace('fpn1', 'upsample_4x').replace('fpn2', 'upsample_2x'): weight
        for name, weight in golden['state_dict'].items()
    }
    neck.load_state_dict(renamed)
    for index, out in enumerate(neck(golden['inputs']['maps'])):
        expected = golden['outputs'][f'f{index + 1}']
        assert_near(out, expected)


# the release's configs/_base_/models/mask2former_beit*.py and its ADE20K and COCO-Stuff configs
SHARED = {
    'model.backbone.arch': 'giant',
    'model.backbone.img_size': 896,
    'model.backbone.drop_path_rate': 0.5,
    'model.backbone.init_cfg.checkpoint': 'checkpoints/eva_psz14to16.pt',
    'model.backbone.norm_cfg.type': 'SyncBN',
    'model.decode_head.in_channels': (1408, 1408, 1408, 1408),
    'model.decode_head.feat_channels': 1024,
    'model.decode_head.out_channels': 1024,
    'model.decode_head.num_queries': 200,
    'model.decode_head.pixel_decoder.encoder.num_layers': 6,
    'model.decode_head.pixel_decoder.encoder.layer_cfg.self_attn_cfg.num_heads': 32,
    'model.decode_head.pixel_decoder.encoder.layer_cfg.self_attn_cfg.num_levels': 3,
    'model.decode_head.pixel_decoder.encoder.layer_cfg.self_attn_cfg.num_points': 4,
    'model.decode_head.pixel_decoder.encoder.layer_cfg.ffn_cfg.feedforward_channels': 4096,
    'model.decode_head.pixel_decoder.norm_cfg.num_groups': 32,
    'model.decode_head.positional_encoding.num_feats': 512,
    'model.decode_head.transformer_decoder.layer_cfg.self_attn_cfg.num_heads': 32,
    'model.decode_head.transformer_decoder.layer_cfg.cross_attn_cfg.num_heads': 32,
    'model.decode_head.transformer_decoder.layer_cfg.ffn_cfg.feedforward_channels': 4096,
    'model.decode_head.loss_cls.loss_weight': 2.0,
    'model.decode_head.loss_mask.loss_weight': 5.0,
    'model.decode_head.loss_dice.loss_weight': 5.0,
    'model.decode_head.loss_dice.eps': 1.0,
    'model.decode_head.loss_dice.naive_dice': True,
    'model.decode_head.train_cfg.num_points': 12544,
    'model.decode_head.train_cfg.oversample_ratio': 3.0,
    'model.decode_head.train_cfg.importance_sample_ratio': 0.75,
    'model.decode_head.train_cfg.assigner.match_costs.0.weight': 2.0,
    'model.decode_head.train_cfg.assigner.match_costs.1.weight': 5.0,
    'model.decode_head.train_cfg.assigner.match_costs.2.weight': 5.0,
    'model.data_preprocessor.mean': (123.675, 116.28, 103.53),
    'model.data_preprocessor.std': (58.395, 57.12, 57.375),
    'model.data_preprocessor.seg_pad_val': 255,
    'optim_wrapper.type': 'OptimWrapper',
    'optim_wrapper.clip_grad': None,
    'optim_wrapper.optimizer.type': 'AdamW',
    'optim_wrapper.optimizer.betas': (0.9, 0.999),
    'optim_wrapper.optimizer.weight_decay': 0.05,
    'train_dataloader.dataset.pipeline.2.scale': (3584, 896),
    'train_dataloader.dataset.pipeline.2.ratio_range': (0.5, 2.0),
    'train_dataloader.dataset.pipeline.3.crop_size': (896, 896),
    'train_dataloader.dataset.pipeline.3.cat_max_ratio': 0.75,
    'train_dataloader.dataset.pipeline.4.prob': 0.5,
    'train_dataloader.dataset.pipeline.5.type': 'PhotoMetricDistortion',
}
PLAIN = {'model.backbone.relative_position_bias': None, 'model.backbone.layer_scale_init_value': None}
BIASED = {'model.backbone.relative_position_bias': True, 'model.backbone.layer_scale_init_value': 1.0}
ADE20K = {
    'model.decode_head.num_classes': 150,
    'model.decode_head.loss_cls.class_weight': (*[1.0] * 150, 0.1),
    'train_dataloader.dataset.type': 'ADE20KDataset',
}
STUFF = {
    'model.decode_head.num_classes': 171,
    'model.decode_head.loss_cls.class_weight': (*[1.0] * 171, 0.1),
    'train_dataloader.dataset.type': 'COCOStuffDataset',
}
TABLES = {
    'mask2former_eva-g-p16-adapter_coco-stuff164k-896px.py': {
        **SHARED, **PLAIN, **STUFF, 'train_dataloader.batch_size': 1, 'load_from': None,
    },
    'mask2former_eva-g-p16-adapter-relpos_coco-stuff164k-896px.py': {
        **SHARED, **BIASED, **STUFF, 'train_dataloader.batch_size': 2, 'load_from': None,
    },
    ADE: {
        **SHARED, **PLAIN, **ADE20K, 'train_dataloader.batch_size': 1,
        'load_from': 'checkpoints/eva_sem_seg_mask2former_cocostuff_53p4.pth',
    },
    'mask2former_eva-g-p16-adapter-relpos_ade20k-896px.py': {
        **SHARED, **BIASED, **ADE20K, 'train_dataloader.batch_size': 2,
        'load_from': 'checkpoints/eva_sem_seg_mask2former_cocostuff_relpos_layerscale_9dec_53p2.pth',
    },
}  # fmt: skip


@pytest.mark.parametrize('name', RELEASED)
def test_values(name):
    assert differences(_config(name), TABLES[name]) == {}


def test_the_adapter_has_the_released_defaults():
    from eva_mm.models.backbones.eva_vit_adapter import EVAViTAdapter

    with torch.device('meta'):
        model = EVAViTAdapter('giant')
    # first block and the one after the last
    assert [list(group) for group in model.groups] == [[0, 10], [10, 20], [20, 30], [30, 40]]
    attention = model.interactions[0].injector.attn
    assert (attention.num_heads, attention.num_points, attention.value_proj.out_features) == (16, 4, 704)
    assert model.interactions[0].extractor.ffn.fc1.out_features == 352
    assert [len(each.extra_extractors) for each in model.interactions] == [0, 0, 0, 2]
