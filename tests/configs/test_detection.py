from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import PARAM_SCHEDULERS, DefaultScope
from torch import nn

from tests.helpers.recipes import differences

pytest.importorskip('mmdet')

CONFIGS = Path(__file__).parents[2] / 'configs' / 'detection'
COCO, LVIS, O365 = 1_073_745_214, 1_077_487_050, 1_071_977_285
# the relative tables of ten global blocks of 1024 instead of 1280 pixels are 32 rows shorter
O365_1024 = O365 - 10 * 2 * 32 * 88
FULL_SIZE = {
    'cascade-mask-rcnn_eva-g-p16_lsj-1280_coco': COCO,
    'cascade-mask-rcnn_eva-g-p16_1536_coco-det': COCO,
    'cascade-mask-rcnn_eva-g-p16_lsj-1280_lvis': LVIS,
    'cascade-mask-rcnn_eva-g-p16_1536_lvis': LVIS,
    'cascade-rcnn_eva-g-p16_lsj-1024_o365': O365_1024,
    'cascade-rcnn_eva-g-p16_lsj-1280_o365': O365,
}


def build(cfg):
    from mmdet.registry import MODELS
    from mmdet.utils import register_all_modules

    register_all_modules(init_default_scope=False)
    with DefaultScope.overwrite_default_scope('mmdet'), torch.device('meta'):
        return MODELS.build(cfg.model)


@pytest.mark.parametrize('name', FULL_SIZE)
def test_parameters_are_those_of_the_released_detector(name):
    model = build(Config.fromfile(CONFIGS / f'{name}.py'))
    assert sum(parameter.numel() for parameter in model.parameters()) == FULL_SIZE[name]


def test_optimizer_groups_match_the_released_ones(reference):
    from eva_mm.checkpoint import convert_state_dict

    cfg = Config.fromfile(CONFIGS / 'cascade-mask-rcnn_eva-g-p16_lsj-1280_coco.py')
    model = build(cfg)
    wrapper = dict(cfg.optim_wrapper, type='OptimWrapper')
    wrapper.pop('dtype')
    groups = build_optim_wrapper(model, wrapper).optimizer.param_groups
    found = {id(each): (group['lr'], group['weight_decay']) for group in groups for each in group['params']}
    expected = reference('det_optimizer.json')['COCO']['params']
    names = convert_state_dict({name: torch.empty(0) for name in expected}, 'detection').report.renamed
    parameters = dict(model.named_parameters())
    assert len(groups) == 42 and len(found) == len(expected)
    for name, settings in expected.items():
        ours = names.get(name, name)
        assert found[id(parameters[ours])] == pytest.approx(settings), ours
    frozen = {key for key, value in parameters.items() if not value.requires_grad}
    assert frozen == {'backbone.patch_embed.proj.weight', 'backbone.patch_embed.proj.bias'}


@pytest.mark.parametrize('name, reference_name', [('coco', 'COCO'), ('lvis', 'LVIS')])
def test_schedule_matches_the_released_one(reference, name, reference_name):
    cfg = Config.fromfile(CONFIGS / f'cascade-mask-rcnn_eva-g-p16_lsj-1280_{name}.py')
    expected = reference('det_optimizer.json')[reference_name]
    assert cfg.train_cfg.max_iters == expected['schedule']['max_iter']
    optimizer = torch.optim.SGD(nn.Linear(1, 1).parameters(), lr=1.0)
    schedulers = [PARAM_SCHEDULERS.build(dict(each, optimizer=optimizer)) for each in cfg.param_scheduler]
    wanted = {int(step): value for step, value in expected['lr_multiplier'].items()}
    for step in range(cfg.train_cfg.max_iters):
        if step in wanted:
            assert optimizer.param_groups[0]['lr'] == pytest.approx(wanted[step]), step
        optimizer.step()
        for scheduler in schedulers:
            scheduler.step()


def test_faithful_recipe_differs_in_clipping_and_guard_only():
    for name in ('coco', 'lvis'):
        ours = Config.fromfile(CONFIGS / f'cascade-mask-rcnn_eva-g-p16_lsj-1280_{name}.py').to_dict()
        faithful = Config.fromfile(CONFIGS / f'cascade-mask-rcnn_eva-g-p16_lsj-1280_{name}_faithful.py').to_dict()
        assert ours['optim_wrapper'].pop('clip_grad') == dict(max_norm=35.0)
        assert faithful['optim_wrapper'].pop('clip_grad') is None
        # every run has the guard unless its config says otherwise
        assert 'long_run' not in ours
        assert faithful.pop('long_run') == dict(loss_guard=None)
        assert ours == faithful


# score threshold, suppression, boxes of an image, maskness, of the release's configs and the commands of its README
SOFT = dict(type='soft_nms', iou_threshold=0.6, method='linear', min_score=1e-3)
HARD = dict(type='nms', iou_threshold=0.5)
TESTED = {
    'cascade-mask-rcnn_eva-g-p16_lsj-1280_coco': (0.05, HARD, 100, None),
    'cascade-mask-rcnn_eva-g-p16_1536_coco-det': (0.0, SOFT, -1, None),
    'cascade-mask-rcnn_eva-g-p16_1536_coco-seg': (0.0, SOFT, -1, 0.5),
    'cascade-mask-rcnn_eva-g-p16_1536_lvis-annotation': (0.05, HARD, 100, None),
    'cascade-mask-rcnn_eva-g-p16_lsj-1280_lvis': (0.02, HARD, 300, None),
    'cascade-mask-rcnn_eva-g-p16_lsj-1280_lvis_faithful': (0.02, HARD, 300, None),
    'cascade-mask-rcnn_eva-g-p16_1536_lvis': (0.001, HARD, 1000, 0.5),
}


@pytest.mark.parametrize('name', TESTED)
def test_what_is_kept_of_an_image(name):
    rcnn = Config.fromfile(CONFIGS / f'{name}.py').model.test_cfg.rcnn
    assert (rcnn.score_thr, rcnn.nms, rcnn.max_per_img, rcnn.get('maskness_thr')) == TESTED[name]


def test_heads_start_as_in_detectron2():
    """c2_xavier_fill draws from +-sqrt(3 / inputs); the masks' predictor has a deviation of 0.001."""
    from mmdet.registry import MODELS

    cfg = Config.fromfile(CONFIGS / 'cascade-rcnn_eva-g-p16_lsj-1024_o365.py').model.roi_head
    masks = Config.fromfile(CONFIGS / '_base_' / 'cascade-mask-rcnn_eva.py').model
    cfg.update({key: masks.roi_head[key] for key in ('mask_head', 'mask_roi_extractor')})
    cfg.bbox_head = [dict(head, fc_out_channels=64, num_classes=7) for head in cfg.bbox_head]
    with DefaultScope.overwrite_default_scope('mmdet'):
        head = MODELS.build(dict(cfg, train_cfg=masks.train_cfg.rcnn, test_cfg=masks.test_cfg.rcnn))
    head.init_weights()
    for stage in head.bbox_head:
        (linear,) = stage.shared_fcs
        bound = (3 / linear.in_features) ** 0.5
        assert linear.weight.abs().max().item() == pytest.approx(bound, rel=1e-2)
        assert linear.weight.std().item() == pytest.approx(bound / 3**0.5, rel=1e-2)
        assert stage.fc_cls.weight.std().item() == pytest.approx(0.01, rel=0.15)
        assert stage.fc_reg.weight.std().item() == pytest.approx(0.001, rel=0.15)
    assert head.mask_head.conv_logits.weight.std().item() == pytest.approx(0.001, rel=0.05)


# what all released detectors share: EVA-01/det, configs/common/models and projects/ViTDet/configs
SHARED = {
    'model.data_preprocessor.mean': (123.675, 116.28, 103.53),
    'model.data_preprocessor.std': (58.395, 57.12, 57.375),
    'model.data_preprocessor.bgr_to_rgb': True,
    'model.backbone.arch': 'giant',
    'model.backbone.img_size': 224,
    'model.backbone.patch_size': 16,
    'model.backbone.window_size': 16,
    'model.backbone.global_attn_indexes': None,  # every fourth block
    'model.backbone.drop_path_rate': 0.6,
    'model.neck.out_channels': 256,
    'model.rpn_head.num_convs': 2,
    'model.rpn_head.anchor_generator.ratios': (0.5, 1.0, 2.0),
    'model.rpn_head.anchor_generator.scales': (8,),
    'model.rpn_head.anchor_generator.strides': (4, 8, 16, 32, 64),
    'model.rpn_head.loss_bbox.type': 'L1Loss',
    'model.train_cfg.rpn.assigner.type': 'eva_mm.OwnBestAssigner',
    'model.train_cfg.rpn.assigner.pos_iou_thr': 0.7,
    'model.train_cfg.rpn.assigner.neg_iou_thr': 0.3,
    'model.train_cfg.rpn.assigner.min_pos_iou': 0.0,
    'model.train_cfg.rpn.sampler.num': 256,
    'model.train_cfg.rpn.sampler.pos_fraction': 0.5,
    'model.train_cfg.rpn_proposal.nms_pre': 2000,
    'model.train_cfg.rpn_proposal.max_per_img': 1000,
    'model.train_cfg.rpn_proposal.nms.iou_threshold': 0.7,
    'model.test_cfg.rpn.nms_pre': 1000,
    'model.test_cfg.rpn.max_per_img': 1000,
    'model.train_cfg.rcnn.0.sampler.num': 512,
    'model.train_cfg.rcnn.0.sampler.pos_fraction': 0.25,
    'model.train_cfg.rcnn.0.sampler.add_gt_as_proposals': True,
    **{
        f'model.train_cfg.rcnn.{stage}.assigner.{side}_iou_thr': overlap
        for stage, overlap in enumerate((0.5, 0.6, 0.7))
        for side in ('pos', 'neg')
    },
    **{
        f'model.roi_head.bbox_head.{stage}.bbox_coder.target_stds': (1 / w, 1 / w, 2 / w, 2 / w)
        for stage, w in enumerate((10, 20, 30))
    },
    **{
        f'model.roi_head.bbox_head.{stage}.{key}': expected
        for stage in range(3)
        for key, expected in {
            'type': 'Shared4Conv1FCBBoxHead',
            'fc_out_channels': 1024,
            'conv_out_channels': 256,
            'reg_class_agnostic': True,
            'loss_bbox.type': 'L1Loss',
        }.items()
    },
    'model.roi_head.bbox_roi_extractor.roi_layer.output_size': 7,
    'model.roi_head.bbox_roi_extractor.roi_layer.sampling_ratio': 0,
    'model.roi_head.stage_loss_weights': (1.0, 1.0, 1.0),
    'optim_wrapper.type': 'AmpOptimWrapper',
    'optim_wrapper.dtype': 'float16',
    'optim_wrapper.optimizer.type': 'AdamW',
    'optim_wrapper.optimizer.betas': (0.9, 0.999),
    'optim_wrapper.optimizer.weight_decay': 0.1,
    'optim_wrapper.paramwise_cfg': {'layer_decay_rate': 0.9},  # everything is decayed
    # a random seed
    'randomness.seed': None,
}
MASKS = {
    'model.roi_head.mask_roi_extractor.roi_layer.output_size': 14,
    'model.roi_head.mask_head.num_convs': 4,
    'model.train_cfg.rcnn.0.mask_size': 28,
    'model.test_cfg.rcnn.mask_thr_binary': 0.5,
}


def jitter(side, masks):
    """Flip first, Pillow's bilinear filter, a crop without padding, boxes from the polygons."""
    place = 'train_dataloader.dataset.pipeline' if masks else 'train_dataloader.dataset.datasets.0.pipeline'
    return {
        f'{place}.1.type': 'eva_mm.LoadPolygons' if masks else 'LoadAnnotations',
        f'{place}.2.type': 'RandomFlip',
        f'{place}.2.prob': 0.5,
        f'{place}.3.type': 'eva_mm.ScaleJitter',
        f'{place}.3.scale': (side, side),
        f'{place}.3.ratio_range': (0.1, 2.0),
        f'{place}.4.type': 'eva_mm.FixedSizeCrop',
        f'{place}.4.crop_size': (side, side),
        f'{place}.4.recompute_bbox': masks,
        f'{place}.5.min_gt_bbox_wh': (1e-5, 1e-5),
        f'{place}.5.keep_empty': False,
        'model.data_preprocessor.pad_size_divisor': side,
        'model.backbone.rel_pos_img_size': side,
        'model.backbone.rel_pos_resize': None,  # linear
    }


def longest(side):
    """Side of the evaluation at 1536; tables stay those of 1280 pixels."""
    return {
        'test_dataloader.dataset.pipeline.1.type': 'eva_mm.PillowResize',
        'test_dataloader.dataset.pipeline.1.scale': (side, side),
        'model.data_preprocessor.pad_size_divisor': side,
        'model.backbone.rel_pos_img_size': 1280,
        'model.backbone.rel_pos_resize': 'geometric',
    }


COCO_CLASSES = {f'model.roi_head.bbox_head.{stage}.num_classes': 80 for stage in range(3)}
LVIS_CLASSES = {
    f'model.roi_head.bbox_head.{stage}.{key}': expected
    for stage in range(3)
    for key, expected in {
        'num_classes': 1203, 'loss_cls.type': 'eva_mm.FederatedLoss', 'loss_cls.num_sampled': 50,
        'loss_cls.frequency_power': None, 'loss_cls.spare_logit': None,
    }.items()
}  # fmt: skip
PREFIX = 'cascade-mask-rcnn_eva-g-p16_'
TABLES = {
    f'{PREFIX}lsj-1280_coco_faithful': {
        **SHARED, **MASKS, **COCO_CLASSES, **jitter(1280, True),
        'model.init_cfg.checkpoint': 'checkpoints/eva_o365.pth',
        'optim_wrapper.optimizer.lr': 2.5e-5,
        'optim_wrapper.clip_grad': None,
        'train_cfg.max_iters': 45_000,
        'param_scheduler.1.milestones': (40_000, 44_999),
        'param_scheduler.1.gamma': 0.1,
        'param_scheduler.0.start_factor': 0.001,
        'model.backbone.freeze_patch_embed': None,  # frozen
    },
    f'{PREFIX}lsj-1280_lvis_faithful': {
        **SHARED, **MASKS, **LVIS_CLASSES, **jitter(1280, True),
        'model.init_cfg.checkpoint': 'checkpoints/eva_o365.pth',
        'optim_wrapper.optimizer.lr': 2e-4,
        'optim_wrapper.clip_grad': None,
        'train_cfg.max_iters': 75_001,
        'param_scheduler.1.milestones': (70_000, 75_000),
        'train_dataloader.sampler.type': 'eva_mm.RepeatFactorSampler',
        'train_dataloader.sampler.repeat_thr': 0.001,
        'val_evaluator.max_dets': 300,
    },
    f'{PREFIX}1536_coco-det': {**SHARED, **MASKS, **COCO_CLASSES, **longest(1536)},
    f'{PREFIX}1536_coco-seg': {**SHARED, **MASKS, **COCO_CLASSES, **longest(1536)},
    f'{PREFIX}1536_lvis': {**SHARED, **MASKS, **LVIS_CLASSES, **longest(1536), 'test_evaluator.max_dets': 1000},
    f'{PREFIX}1536_lvis-annotation': {
        **SHARED, **MASKS, **COCO_CLASSES, **longest(1536), 'test_evaluator.max_dets': 300,
    },
    'cascade-rcnn_eva-g-p16_lsj-1024_o365': {
        **SHARED, **jitter(1024, False),
        'optim_wrapper.optimizer.lr': 1e-4,
        'param_scheduler.0.end': 15_001,
        'param_scheduler.1': None,
        'model.roi_head.mask_head': None,
        'model.roi_head.bbox_head.0.num_classes': 365,
        'model.backbone.freeze_patch_embed': False,
    },
    'cascade-rcnn_eva-g-p16_lsj-1280_o365': {
        **SHARED, **jitter(1280, False),
        'optim_wrapper.optimizer.lr': 1e-4,
        'train_cfg.max_iters': 60_000,
        'param_scheduler.0.end': 5_001,
        'param_scheduler.1.milestones': (45_000,),
        'model.roi_head.mask_head': None,
    },
}  # fmt: skip


@pytest.mark.parametrize('name', TABLES)
def test_values(name):
    cfg = Config.fromfile(CONFIGS / f'{name}.py')
    table = dict(TABLES[name])
    if 'param_scheduler.1' in table:
        assert table.pop('param_scheduler.1') is None and len(cfg.param_scheduler) == 1
    assert differences(cfg, table) == {}
