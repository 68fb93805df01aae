import pytest
import torch


@pytest.fixture(scope='module')
def parts(released_detector):
    """A golden file, our detector with its weights, and test-time augmentation around it."""
    case = released_detector.read_reference('det_cascade_a')
    model = released_detector.build_released(case).eval()
    with released_detector.DefaultScope.overwrite_default_scope('mmdet'):
        tta = released_detector.MODELS.build(dict(type='eva_mm.MaskTTAModel', module=model)).eval()
    return case, model, tta, released_detector


def view(case, samples, flip):
    """Raw images of the golden file, mirrored or not, as the loader's view."""
    images = [image.flip(0) for image in case['inputs']['images']]
    samples = [sample.clone() for sample in samples]
    for sample in samples:
        sample.set_metainfo(dict(flip=flip, flip_direction='horizontal' if flip else None))
    return [image.flip(-1) if flip else image for image in images], samples


@torch.no_grad()
def test_one_plain_view_is_plain_prediction(parts):
    case, model, tta, helper = parts
    images, samples = helper.preprocess(model, case)
    expected = model.predict(images, [each.clone() for each in samples])
    inputs, views = view(case, samples, flip=False)
    found = tta.test_step(dict(inputs=[inputs], data_samples=[views]))
    for ours, plain in zip(found, expected):
        torch.testing.assert_close(ours.pred_instances.bboxes, plain.pred_instances.bboxes, rtol=1e-4, atol=1e-3)
        torch.testing.assert_close(ours.pred_instances.scores, plain.pred_instances.scores)
        assert torch.equal(ours.pred_instances.labels, plain.pred_instances.labels)
        changed = ours.pred_instances.masks != plain.pred_instances.masks
        assert changed.float().mean() < 1e-3


@torch.no_grad()
def test_mirrored_view_is_mirrored_back(parts):
    case, model, tta, helper = parts
    _, samples = helper.preprocess(model, case)
    inputs, views = view(case, samples, flip=True)
    (found, _) = tta.test_step(dict(inputs=[inputs], data_samples=[views]))

    mirrored = dict(case, inputs=dict(case['inputs'], images=[each.flip(-1) for each in case['inputs']['images']]))
    images, samples = helper.preprocess(model, mirrored)
    expected = model.predict(images, samples)[0].pred_instances
    width = samples[0].ori_shape[1]
    boxes = expected.bboxes[:, [2, 1, 0, 3]] * torch.tensor([-1.0, 1.0, -1.0, 1.0])
    boxes = boxes + torch.tensor([width, 0.0, width, 0.0])
    torch.testing.assert_close(found.pred_instances.bboxes, boxes, rtol=1e-4, atol=1e-3)
    changed = found.pred_instances.masks != expected.masks.flip(-1)
    assert changed.float().mean() < 1e-3


@torch.no_grad()
def test_views_compete_and_masks_are_kept(parts):
    case, model, tta, helper = parts
    _, samples = helper.preprocess(model, case)
    views = [view(case, samples, flip) for flip in (False, True)]
    tta.tta_cfg = dict(max_per_img=7, maskness_thr=0.5)
    found = tta.test_step(dict(inputs=[each[0] for each in views], data_samples=[each[1] for each in views]))
    assert [len(each.pred_instances) for each in found] == [7, 7]
    assert found[0].pred_instances.masks.shape == (7, *case['inputs']['output_sizes'][0])
