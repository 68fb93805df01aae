"""The nano EoMT of mmseg: a step of training, and predictions of any window."""

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

from eva_mm.models.decode_heads import EoMTSegHead
from tests.models.decode_heads.conftest import NANO


@pytest.fixture
def cfg():
    cfg = Config.fromfile(NANO.with_name('segmentation_eomt.py'))
    cfg.model.backbone.update(
        arch=dict(embed_dims=32, num_layers=4, num_heads=2, feedforward_channels=48), init_cfg=None, num_queries=6
    )
    cfg.model.decode_head.in_channels = 32
    init_default_scope(cfg.default_scope)
    return cfg


def _data(size):
    sample = SegDataSample(metainfo=dict(ori_shape=size, img_shape=size))
    sample.gt_sem_seg = PixelData(data=torch.randint(0, 10, (1, *size)))
    return dict(inputs=[torch.randint(0, 256, (3, *size), dtype=torch.uint8)], data_samples=[sample])


def test_a_step_changes_every_weight(cfg):
    model = MODELS.build(cfg.model)
    model.init_weights()
    optimizer = build_optim_wrapper(model, cfg.optim_wrapper)
    before = {name: value.clone() for name, value in model.named_parameters()}
    log = model.train().train_step(_data((96, 96)), optimizer)
    assert torch.isfinite(log['loss']) and len([name for name in log if 'loss_dice' in name]) == 3
    assert not [name for name, value in model.named_parameters() if torch.equal(value, before[name])]


@pytest.mark.parametrize('size', [(96, 96), (61, 83), (130, 210)])
def test_windows_go_together_with_padding(cfg, size):
    model = MODELS.build(cfg.model).eval()
    (result,) = model.test_step(_data(size))
    assert result.pred_sem_seg.data.shape == (1, *size) and result.seg_logits.data.shape == (10, *size)


def test_a_sure_query_paints_its_class():
    head = EoMTSegHead(2, 3)
    with torch.no_grad():
        head.cls_embed.weight.copy_(torch.tensor([[0.0, 0], [50, 0], [0, 50], [0, 0]]))
    masks = torch.full((1, 2, 4, 4), -50.0)
    masks[0, 0, :, :2], masks[0, 1, :, 2:] = 50, 50
    scores = head.predict((None, (torch.eye(2)[None], masks)), [dict(img_shape=(8, 8))], dict(mode='slide'))
    expected = torch.tensor([1, 1, 1, 1, 2, 2, 2, 2]).expand(8, 8)
    assert torch.equal(scores.argmax(dim=1)[0], expected)
