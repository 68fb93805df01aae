import copy

import pytest
import torch

from tests.helpers.parity import assert_near

LINEAR = dict(type='soft_nms', iou_threshold=0.6, method='linear', min_score=1e-3)
GAUSSIAN = dict(type='soft_nms', iou_threshold=0.3, method='gaussian', sigma=0.5, min_score=1e-3)
UNCUT = dict(score_thr=0.0, max_per_img=-1)
TEST_CONFIGS = {
    'hard_nms': {},
    'hard_nms_override0': dict(score_thr=0.0),
    'soft_linear': dict(UNCUT, nms=LINEAR),
    'soft_linear_maskness': dict(UNCUT, nms=LINEAR, maskness_thr=0.5),
    'soft_gaussian': dict(UNCUT, nms=GAUSSIAN),
    'hard_nms_maskness': dict(maskness_thr=0.5),
}


@pytest.fixture(scope='module', params=['det_cascade_a', 'det_cascade_b'])
def detector(request, released_detector):
    """A golden file and our detector with its weights."""
    case = released_detector.read_reference(request.param)
    return case, released_detector.build_released(case)


def assert_same(found, expected):
    for ours, theirs in zip(found, expected, strict=True):
        assert torch.equal(ours.labels, theirs['pred_classes'])
        assert_near(ours.bboxes, theirs['pred_boxes'])
        assert_near(ours.scores, theirs['scores'])


@pytest.mark.parametrize('name', TEST_CONFIGS)
@torch.no_grad()
def test_detections_match_the_released_code(detector, released_detector, name, monkeypatch):
    case, model = detector
    model.eval()
    cfg = copy.deepcopy(model.roi_head.test_cfg)
    # of the two released configs, LVIS keeps 1000 detections
    cfg.max_per_img = 1000 if case['config']['fed_loss_num_classes'] else 100
    cfg.update(TEST_CONFIGS[name])
    monkeypatch.setattr(model.roi_head, 'test_cfg', cfg)
    images, samples = released_detector.preprocess(model, case)
    maps = model.extract_feat(images)
    proposals = model.rpn_head.predict(maps, samples)
    assert_same(model.roi_head.predict(maps, proposals, samples), case['outputs'][name]['instances'])


@torch.no_grad()
def test_masks_match_the_released_code(detector, released_detector):
    case, model = detector
    model.eval()
    images, samples = released_detector.preprocess(model, case)
    maps = model.extract_feat(images)
    proposals = model.rpn_head.predict(maps, samples)
    results = model.roi_head.predict(maps, proposals, samples, rescale=True)
    assert_same(results, case['outputs']['hard_nms_postprocessed'])
    for ours, theirs in zip(results, case['outputs']['hard_nms_postprocessed']):
        assert torch.equal(ours.masks.sum(dim=(1, 2)), theirs['pred_masks_area'])
        assert torch.equal(ours.masks[:4], theirs['pred_masks_first4'])


def released_losses(expected):
    names = {'cls': 'loss_cls', 'bbox': 'loss_box_reg'}
    losses = {
        f's{stage}.loss_{ours}': expected[f'{theirs}_stage{stage}']
        for stage in range(3)
        for ours, theirs in names.items()
    }
    return dict(losses, loss_mask=expected['loss_mask'])


def fix_sampled_classes(model, expected, monkeypatch):
    drawn = iter(expected['fed_loss_classes'])
    for head in model.roi_head.bbox_head:
        if head.custom_activation:
            monkeypatch.setattr(head.loss_cls, 'sample_classes', lambda labels: next(drawn))


def test_losses_and_gradients_match_the_released_code(detector, released_detector, monkeypatch):
    case, model = detector
    model.train()
    expected = case['outputs']['train_fixed_proposals']
    fix_sampled_classes(model, expected, monkeypatch)
    images, samples = released_detector.preprocess(model, case)
    losses = model.roi_head.loss(model.extract_feat(images), released_detector.fixed_proposals(case), samples)
    found = {name: value.item() for name, value in losses.items() if 'loss' in name}
    assert found == pytest.approx(released_losses(expected['losses']), rel=1e-5)

    model.zero_grad()
    sum(value for name, value in losses.items() if 'loss' in name).backward()
    parameters = dict(model.named_parameters())
    pairs = {
        'roi_heads.box_head.1.conv2.weight': 'roi_head.bbox_head.1.shared_convs.1.conv.weight',
        'roi_heads.mask_head.deconv.weight': 'roi_head.mask_head.upsample.weight',
        'backbone.simfp_2.0.weight': 'neck.simfp_2.0.weight',
        'backbone.net.pos_embed': 'backbone.pos_embed',
        'backbone.net.blocks.0.attn.rel_pos_h': 'backbone.blocks.0.attn.rel_pos.h',
    }
    for theirs, ours in pairs.items():
        norm = parameters[ours].grad.norm().item()
        assert norm == pytest.approx(expected['grad_norm'][theirs], rel=1e-4), theirs


def test_losses_with_the_rpn_match_the_released_code(detector, released_detector, monkeypatch):
    case, model = detector
    model.train()
    expected = case['outputs']['train_with_rpn']
    fix_sampled_classes(model, expected, monkeypatch)
    losses = model.loss(*released_detector.preprocess(model, case))
    found = {
        name: sum(value).item() if isinstance(value, list) else value.item()
        for name, value in losses.items()
        if 'loss' in name
    }
    # The release divides by the wanted number of anchors, mmdet by that of the sampled ones. They are the same unless
    # more are wanted than there are, as in this file.
    scalars = expected['event_scalars']
    sampled = scalars['rpn/num_pos_anchors'] + scalars['rpn/num_neg_anchors']
    wanted = case['config']['rpn_batch_size_per_image']
    theirs = released_losses(expected['losses'])
    for ours, name in (('loss_rpn_cls', 'loss_rpn_cls'), ('loss_rpn_bbox', 'loss_rpn_loc')):
        theirs[ours] = expected['losses'][name] * wanted / sampled
    assert found == pytest.approx(theirs, rel=1e-5)


def test_images_without_objects_train(detector, released_detector):
    """A crop may leave none; the release trains on it, as background."""
    case, model = detector
    model.train()
    images, samples = released_detector.preprocess(model, case)
    empty = slice(0, 0)
    samples[0].gt_instances = samples[0].gt_instances[empty]
    for batch in ((images, samples), (images[:1], samples[:1])):
        losses = [value for name, value in model.loss(*batch).items() if 'loss' in name]
        total = sum(sum(value) if isinstance(value, list) else value for value in losses)
        assert total.isfinite() and total > 0
        total.backward()


def test_suppression_matches_the_released_code(reference):
    pytest.importorskip('mmdet')
    from eva_mm.models.roi_heads.cascade_roi_head import suppress

    case = reference('det_softnms_a.pt')
    boxes, scores = case['inputs']['boxes'], case['inputs']['scores']
    height, width = case['config']['image_hw']
    boxes = boxes.clone()
    boxes[:, 0::2] = boxes[:, 0::2].clamp(0, width)
    boxes[:, 1::2] = boxes[:, 1::2].clamp(0, height)
    for name, expected in case['outputs']['fast_rcnn_inference'].items():
        settings = expected['settings']
        threshold = settings.get('override_score_thresh')
        cfg = dict(
            score_thr=settings['score_thresh'] if threshold is None else threshold,
            nms=dict(type='nms', iou_threshold=settings['nms_thresh']),
            max_per_img=settings['topk_per_image'],
        )
        if settings['use_soft_nms']:
            options = {key: settings[key] for key in ('method', 'iou_threshold', 'sigma')}
            cfg.update(max_per_img=-1, nms=dict(type='soft_nms', min_score=1e-3, **options))
        found = suppress(boxes, scores, cfg)
        assert torch.equal(found.labels, expected['pred_classes']), name
        assert_near(found.bboxes, expected['pred_boxes'], 1e-6)
        assert_near(found.scores, expected['scores'], 1e-6)


@torch.no_grad()
def test_no_proposals_give_no_detections(detector, released_detector):
    case, model = detector
    model.eval()
    images, samples = released_detector.preprocess(model, case)
    proposals = [each[:0] for each in released_detector.fixed_proposals(case)]
    first, second = model.roi_head.predict(model.extract_feat(images), proposals, samples)
    assert len(first) == len(second) == 0
    assert first.masks.shape[0] == 0


def test_class_specific_boxes_are_refused(released_detector):
    case = released_detector.read_reference('det_cascade_a')
    cfg = released_detector.shrunk_config(case['config'])
    for head in cfg.roi_head.bbox_head:
        head.reg_class_agnostic = False
    with pytest.raises(ValueError, match='set reg_class_agnostic=True in every bbox_head'):
        released_detector.build(cfg)
