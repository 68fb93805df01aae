import copy

import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

from eva_mm.models.decode_heads import EVAMask2FormerHead
from tests.helpers.parity import assert_near


def _sample(size, **meta):
    sample = SegDataSample(metainfo=dict(ori_shape=size, img_shape=size, **meta))
    sample.gt_sem_seg = PixelData(data=torch.randint(0, 10, (1, *size)))
    return sample


def _data(size, **meta):
    image = torch.randint(0, 256, (3, *size), dtype=torch.uint8)
    return dict(inputs=[image], data_samples=[_sample(size, **meta)])


@pytest.mark.parametrize('size', [(48, 48), (61, 83), (30, 90), (37, 29)])
def test_windows_go_together_with_padding(nano_config, build, size):
    # the preprocessor pads short sides and writes pad_shape, which stops mmseg's own head
    nano_config.model.data_preprocessor.test_cfg.size = (48, 48)
    model = build(nano_config).eval()
    with torch.no_grad():
        (result,) = model.test_step(_data(size))
    assert result.seg_logits.data.shape == (10, *size)
    assert result.seg_logits.data.isfinite().all()
    assert result.pred_sem_seg.data.shape == (1, *size)


@pytest.mark.parametrize('mode', ['slide', 'whole'])
def test_scores_are_made_at_stride_4_and_enlarged_then(nano_config, build, mode):
    """The release's order: sigmoid of the masks, product with the classes, then the size of the window."""
    model = build(nano_config).eval()
    head, maps = model.decode_head, [torch.randn(2, 32, 16 // 2**level, 24 // 2**level) for level in range(4)]
    metas = [dict(img_shape=(64, 96), pad_shape=(64, 96) if mode == 'whole' else (200, 300))] * 2
    with torch.no_grad():
        found = head.predict(maps, metas, dict(mode=mode))
        scores, masks = (each[-1] for each in head(maps, [SegDataSample(metainfo=meta) for meta in metas]))
    assert masks.shape[-2:] == (16, 24)
    expected = torch.zeros(2, 10, 16, 24)
    for query in range(scores.shape[1]):
        chance = scores[:, query].softmax(-1)[:, :-1]
        expected += chance[:, :, None, None] * masks[:, query, None].sigmoid()
    expected = torch.nn.functional.interpolate(expected, (64, 96), mode='bilinear', align_corners=False)
    assert_near(found, expected)


def test_mmseg_still_has_the_defect(nano_config, build):
    nano_config.model.data_preprocessor.test_cfg.size = (48, 48)
    nano_config.model.decode_head.type = 'Mask2FormerHead'
    del nano_config.model.decode_head.with_cp
    with torch.no_grad(), pytest.raises(RuntimeError, match='must match the size'):
        build(nano_config).eval().test_step(_data((30, 90)))


def test_one_window_is_the_whole_image(nano_config, build):
    nano_config.model.data_preprocessor.test_cfg.size = (48, 48)
    model = build(nano_config).eval()
    data = _data((48, 48))
    with torch.no_grad():
        slid = model.test_step(copy.deepcopy(data))[0].seg_logits.data
        model.test_cfg = ConfigDict(mode='whole')
        whole = model.test_step(copy.deepcopy(data))[0].seg_logits.data
    torch.testing.assert_close(slid, whole)


def test_scales_and_mirror_images_are_averaged_at_odd_sizes(nano_config, build):
    tta = MODELS.build(dict(type='SegTTAModel', module=build(nano_config))).eval()
    size, views = (61, 83), []
    for scaled in ((45, 61), (61, 83), (77, 105)):
        for flip in (False, True):
            view = _data(scaled, flip=flip, flip_direction='horizontal' if flip else None, img_path='x')
            view['data_samples'][0].set_metainfo(dict(ori_shape=size))
            views.append(view)
    data = dict(inputs=[view['inputs'] for view in views], data_samples=[view['data_samples'] for view in views])
    with torch.no_grad():
        (result,) = tta.test_step(data)
    assert result.pred_sem_seg.data.shape[-2:] == size
    assert result.pred_sem_seg.data.max() < 10


def test_checkpointing_changes_nothing(nano_config, build):
    cfg = nano_config.model.decode_head
    cfg.train_cfg.num_points = 64
    plain = MODELS.build(cfg)
    plain.init_weights()
    thrifty = MODELS.build({**cfg, 'with_cp': True})
    thrifty.load_state_dict(plain.state_dict())
    maps = [torch.randn(2, 32, 24 // 2**level, 24 // 2**level) for level in range(4)]
    samples = [_sample((96, 96)), _sample((96, 96))]
    totals = []
    for head in (plain, thrifty):
        torch.manual_seed(1)
        losses = head.loss([each.clone() for each in maps], copy.deepcopy(samples), None)
        totals.append(sum(losses.values()))
        totals[-1].backward()
    torch.testing.assert_close(*totals)
    for (name, one), other in zip(plain.named_parameters(), thrifty.named_parameters()):
        assert name == other[0]
        torch.testing.assert_close(one.grad, other[1].grad, rtol=1e-3, atol=1e-5, msg=name)


@pytest.mark.parametrize('layers', [8, 9])
def test_has_as_many_decoder_layers_as_asked(nano_config, layers):
    nano_config.model.decode_head.transformer_decoder.num_layers = layers
    head = MODELS.build(nano_config.model.decode_head)
    assert isinstance(head, EVAMask2FormerHead)
    scores, masks = head([torch.randn(1, 32, 8 // 2**level, 8 // 2**level) for level in range(4)], [_sample((32, 32))])
    assert len(scores) == len(masks) == layers + 1


def test_an_image_without_labels_has_a_finite_loss(nano_config, build):
    model = build(nano_config).train()
    sample = _sample((96, 96))
    sample.gt_sem_seg.data[:] = 255
    losses = model.loss(torch.randn(1, 3, 96, 96), [sample])
    assert sum(losses.values()).isfinite()
