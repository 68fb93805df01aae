"""EVA-02's segmentation recipes against the release's configs: values, parameters, learning rates, the pyramid."""

import json
from pathlib import Path

import pytest
import torch
from mmengine.registry import PARAM_SCHEDULERS
from torch import nn

from tests.configs.test_segmentation import FOLDER, _config, _model, _rates
from tests.helpers.recipes import differences

REFERENCE = Path(__file__).parents[1] / 'data/reference/eva02'
DECAY = json.loads((REFERENCE / 'layer_decay_seg_a.json').read_text())['cases']
SCHEDULES = json.loads((REFERENCE / 'lr_schedule_a.json').read_text())['schedules']
# parameters of backbone and pyramid, size, blocks, lr, layer decay, drop path, channels of both heads, iterations, images
# of one of 8 GPUs, side, stride, checkpoint, groups and schedule that were written down
RECIPES = {
    'upernet_eva02-b-p16_ade20k-512px': (
        93_566_976, 'base', (3, 5, 7, 11), 6e-5, 0.85, 0.15, 768, 256, 60_000, 4, 512, 341, 'B_pt_in21k', 'base_512',
        'seg_base_60k',
    ),
    'upernet_eva02-l-p16_ade20k-512px': (
        316_825_536, 'large', (7, 11, 15, 23), 4e-5, 0.9, 0.2, 1024, 256, 80_000, 2, 512, 341, 'L_pt_m38m', 'large_512',
        'seg_large_80k',
    ),
    'upernet_eva02-l-p16_ade20k-640px': (
        317_415_360, 'large', (7, 11, 15, 23), 4e-5, 0.9, 0.2, 1536, 1536, 80_000, 2, 640, 426, 'L_pt_m38m', 'large_512',
        'seg_large_80k',
    ),
}  # fmt: skip
# the release's name of a module of the pyramid to mmseg's
PYRAMID = {'backbone.fpn1.': 'neck.upsample_4x.', 'backbone.fpn2.': 'neck.upsample_2x.'}


def test_every_config_has_its_numbers_here():
    assert {path.stem for path in FOLDER.glob('upernet_eva02*.py')} == RECIPES.keys()


@pytest.mark.parametrize('name', RECIPES)
def test_values(name):
    _, size, blocks, lr, decay, path, channels, auxiliary, iterations, images, side, stride, start, _, _ = RECIPES[name]
    cfg = _config(f'{name}.py')
    width = dict(base=768, large=1024)[size]
    table = {
        'model.backbone.arch': f'eva02-{size}',
        'model.backbone.img_size': side,
        'model.backbone.out_indices': blocks,
        'model.backbone.drop_path_rate': path,
        'model.backbone.init_cfg.checkpoint': f'checkpoints/eva02_{start}_p14to16.pt',
        'model.neck.rescales': (4, 2, 1, 0.5),
        'model.neck.embed_dim': width,
        'model.decode_head.in_channels': (width,) * 4,
        'model.decode_head.channels': channels,
        'model.decode_head.pool_scales': (1, 2, 3, 6),
        'model.decode_head.dropout_ratio': 0.1,
        'model.decode_head.num_classes': 150,
        'model.decode_head.norm_cfg.type': 'SyncBN',
        'model.auxiliary_head.in_channels': width,
        'model.auxiliary_head.channels': auxiliary,
        'model.auxiliary_head.in_index': 2,
        'model.auxiliary_head.loss_decode.loss_weight': 0.4,
        'model.test_cfg.mode': 'slide',
        'model.test_cfg.crop_size': (side, side),
        'model.test_cfg.stride': (stride, stride),
        'model.data_preprocessor.mean': (123.675, 116.28, 103.53),
        'model.data_preprocessor.std': (58.395, 57.12, 57.375),
        'model.data_preprocessor.size': (side, side),
        'optim_wrapper.type': 'AmpOptimWrapper',
        'optim_wrapper.clip_grad': None,
        'optim_wrapper.optimizer.lr': lr,
        'optim_wrapper.optimizer.betas': (0.9, 0.999),
        'optim_wrapper.optimizer.weight_decay': 0.05,
        'optim_wrapper.paramwise_cfg.layer_decay_rate': decay,
        'train_cfg.max_iters': iterations,
        'train_dataloader.batch_size': images,
        'train_dataloader.dataset.type': 'ADE20KDataset',
        'train_dataloader.dataset.pipeline.1.reduce_zero_label': True,
        'train_dataloader.dataset.pipeline.2.scale': (4 * side, side),
        'train_dataloader.dataset.pipeline.2.ratio_range': (0.5, 2.0),
        'train_dataloader.dataset.pipeline.3.crop_size': (side, side),
        'train_dataloader.dataset.pipeline.3.cat_max_ratio': 0.75,
        'train_dataloader.dataset.pipeline.4.prob': 0.5,
        'train_dataloader.dataset.pipeline.5.type': 'PhotoMetricDistortion',
        'test_dataloader.dataset.pipeline.1.scale': (4 * side, side),
    }
    assert differences(cfg, table) == {}
    resize, flip, *_ = cfg.tta_pipeline[1].transforms
    assert [step.scale for step in resize] == [max(side, side * quarters // 4) for quarters in (2, 3, 4, 5, 6, 7)]
    assert [step.prob for step in flip] == [0.0, 1.0]


@pytest.mark.parametrize('name', RECIPES)
def test_parameters_and_learning_rates(name):
    count, *_, groups, _ = RECIPES[name]
    cfg = _config(f'{name}.py')
    model = _model(cfg)
    # mixed precision needs a GPU
    cfg.optim_wrapper = {key: each for key, each in cfg.optim_wrapper.items() if key not in ('dtype', 'loss_scale')}
    cfg.optim_wrapper.type = 'OptimWrapper'
    of_backbone = [p.numel() for key, p in model.named_parameters() if key.startswith(('backbone.', 'neck.'))]
    assert sum(of_backbone) == count
    rates, case, depth = _rates(cfg), DECAY[groups], model.backbone.num_layers
    seen = set()
    for released, (layer, weight_decay) in case['params'].items():
        if '_head' in released:
            continue  # stand-ins
        for block in range(depth) if '.N.' in released else [0]:
            ours = released.replace('.N.', f'.{block}.')
            for old, new in PYRAMID.items():
                ours = ours.replace(old, new)
            scale = case['lr_scale_by_layer_id'][block + 1 if layer == 'N+1' else layer]
            assert rates[ours] == (pytest.approx(scale, rel=1e-12), weight_decay), ours
            seen.add(ours)
    heads = rates.keys() - seen
    assert {key.split('.')[0] for key in heads} == {'decode_head', 'auxiliary_head'}
    parameters = dict(model.named_parameters())
    assert all(rates[key] == (1, 0.05 if parameters[key].ndim > 1 else 0) for key in heads)


@pytest.mark.parametrize('name', list(RECIPES)[:2])
def test_schedule_is_the_released_one(name):
    cfg, logged = _config(f'{name}.py'), SCHEDULES[RECIPES[name][-1]]
    lr = cfg.optim_wrapper.optimizer.lr
    assert (logged['base'], logged['max_iter']) == (lr, cfg.train_cfg.max_iters)
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=lr)
    schedulers = [PARAM_SCHEDULERS.build({**each, 'optimizer': optimizer}) for each in cfg.param_scheduler]
    wanted = dict(zip(logged['steps'], logged['values'], strict=True))
    for step in range(cfg.train_cfg.max_iters):
        if step in wanted:
            # mmengine multiplies step by step, so rounding adds up
            assert optimizer.param_groups[0]['lr'] == pytest.approx(wanted[step], rel=1e-6), step
        optimizer.step()
        for scheduler in schedulers:
            scheduler.step()


def test_wide_images_are_padded_to_a_window():
    """The longest side of 2048 leaves some a short side below 512 pixels, which no window fits into."""
    from mmseg.registry import MODELS
    from mmseg.structures import SegDataSample

    preprocessor = MODELS.build(_config('upernet_eva02-b-p16_ade20k-512px.py').model.data_preprocessor)
    sample = SegDataSample(metainfo=dict(img_shape=(200, 2048), ori_shape=(200, 2048)))
    batch = preprocessor(dict(inputs=[torch.zeros(3, 200, 2048)], data_samples=[sample]))
    assert batch['inputs'].shape == (1, 3, 512, 2048)
