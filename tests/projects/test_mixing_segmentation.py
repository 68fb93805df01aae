"""Every mixed segmentation recipe trains a step at toy size."""

from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope
from mmengine.structures import PixelData

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / 'projects' / 'mixing' / 'segmentation'
CONFIGS = sorted(path for path in FOLDER.glob('*.py') if path.stem != 'class_token')
TOY = dict(embed_dims=16, num_layers=4, num_heads=2, feedforward_channels=32)
SIDE = 64


@pytest.fixture(autouse=True)
def _root_on_path(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))


def _shrink(cfg):
    """Fewer channels and smaller images; nothing else."""
    backbone = cfg.model.backbone
    backbone.arch, backbone.img_size, backbone.init_cfg = TOY, SIDE, None
    if 'out_indices' in backbone:
        backbone.out_indices = (0, 1, 2, 3)
    if 'deform_num_heads' in backbone:
        backbone.deform_num_heads = 2
    if 'neck' in cfg.model:
        cfg.model.neck.embed_dim = 16
    cfg.model.data_preprocessor.size = None
    head = cfg.model.get('panoptic_head') or cfg.model.decode_head
    head.in_channels = [16] * 4
    if 'panoptic_head' in cfg.model:
        cfg.model.train_cfg.num_points = 64
        cfg.model.data_preprocessor.batch_augments[0].size = (SIDE, SIDE)
        cfg.model.data_preprocessor.pop('size')
        return
    cfg.model.data_preprocessor.size = (SIDE, SIDE)
    head.channels = 16
    if head.type == 'DPTHead':
        head.update(embed_dims=16, post_process_channels=[16, 16, 16, 16])
    if cfg.model.get('auxiliary_head'):
        cfg.model.auxiliary_head.update(in_channels=16, channels=16)


def _data(scope):
    images = [torch.randint(0, 256, (3, SIDE, SIDE), dtype=torch.uint8) for _ in range(2)]
    meta = dict(img_shape=(SIDE, SIDE), ori_shape=(SIDE, SIDE), pad_shape=(SIDE, SIDE), scale_factor=(1, 1))
    labels = torch.zeros(1, SIDE, SIDE, dtype=torch.long)
    labels[:, SIDE // 2 :] = 1
    samples = []
    for _ in images:
        if scope == 'mmseg':
            from mmseg.structures import SegDataSample

            sample = SegDataSample(metainfo=meta)
        else:
            from mmdet.structures import DetDataSample
            from mmdet.structures.mask import BitmapMasks
            from mmengine.structures import InstanceData

            sample = DetDataSample(metainfo=meta)
            masks = BitmapMasks(np.asarray(labels == 1, np.uint8), SIDE, SIDE)
            sample.gt_instances = InstanceData(
                bboxes=torch.tensor([[0.0, 32, 64, 64]]), labels=torch.tensor([1]), masks=masks
            )
            labels = torch.where(labels == 1, 1, 90)
        sample.gt_sem_seg = PixelData(**{'data' if scope == 'mmseg' else 'sem_seg': labels.clone()})
        samples.append(sample)
    return dict(inputs=images, data_samples=samples)


@pytest.mark.parametrize('path', CONFIGS, ids=lambda path: path.stem)
def test_trains_a_step(path):
    cfg = Config.fromfile(path)
    init_default_scope(cfg.default_scope)
    _shrink(cfg)
    model = import_module(f'{cfg.default_scope}.registry').MODELS.build(cfg.model)
    model.backbone.init_weights()
    optimizer = build_optim_wrapper(model, cfg.optim_wrapper)
    before = {name: value.clone() for name, value in model.named_parameters()}
    log = model.train().train_step(_data(cfg.default_scope), optimizer)
    assert torch.isfinite(log['loss'])
    changed = [name for name, value in model.named_parameters() if not torch.equal(value, before[name])]
    assert any(name.startswith('backbone.blocks.0.') for name in changed)
    assert any('_head.' in name for name in changed)


def test_there_are_mixed_recipes():
    assert len(CONFIGS) == 4
    assert all(len(path.read_text().splitlines()) < 40 for path in CONFIGS)
