import pytest
import torch

from eva_mm.checkpoint import convert_state_dict, export_state_dict


@pytest.fixture(params=['det_cascade_a.pt', 'det_cascade_b.pt'])
def released(request, reference):
    """A released detector with its names."""
    return reference(request.param)['state_dict']


def test_every_weight_has_a_place(released):
    conversion = convert_state_dict({'model': released}, 'detection')
    report = conversion.report
    assert len(report.renamed) == len(conversion.state_dict) == len(released)
    assert not report.dropped and not report.unexpected
    assert all(torch.equal(conversion.state_dict[new], released[old]) for old, new in report.renamed.items())


def test_pyramid_and_heads_come_back_as_released(released):
    ours = convert_state_dict(released, 'detection').state_dict
    back = export_state_dict(ours, 'released').state_dict
    bare = {name.replace('backbone.net.', '').replace('backbone.', ''): value for name, value in released.items()}
    assert set(back) == set(bare)
    assert all(torch.equal(back[name], bare[name]) for name in bare)


def test_other_classes_start_afresh(reference):
    released = reference('det_cascade_a.pt')['state_dict']
    target = dict(convert_state_dict(released, 'detection').state_dict)
    for name, value in target.items():
        if 'fc_cls' in name or 'conv_logits' in name:
            target[name] = value.new_empty((3, *value.shape[1:]))
    report = convert_state_dict(released, 'detection', target=target).report
    assert len(report.dropped) == 8 and not report.missing
    assert all('fc_cls' in name or 'conv_logits' in name for name in report.fresh)


def test_boxes_only_model_takes_a_file_with_masks_and_the_other_way_round(reference):
    released = reference('det_cascade_a.pt')['state_dict']
    whole = convert_state_dict(released, 'detection').state_dict
    boxes = {name: value for name, value in whole.items() if 'mask_head' not in name}
    report = convert_state_dict(released, 'detection', target=boxes).report
    assert set(report.dropped.values()) == {'the model has no mask head'}
    without = {name: value for name, value in released.items() if 'mask_head' not in name}
    report = convert_state_dict(without, 'detection', target=whole).report
    assert report.fresh and not report.missing and all('mask_head' in name for name in report.fresh)


def test_spare_row_of_the_sigmoid_classifier(reference):
    released = reference('det_cascade_b.pt')['state_dict']
    target = dict(convert_state_dict(released, 'detection').state_dict)
    name = 'roi_head.bbox_head.1.fc_cls.weight'
    assert target[name].shape[0] == 10
    for each in list(target):
        if 'fc_cls' in each:
            target[each] = target[each][:-1]
    conversion = convert_state_dict(released, 'detection', target=target)
    assert torch.equal(conversion.state_dict[name], released['roi_heads.box_predictor.1.cls_score.weight'][:9])
    assert len(conversion.report.resized) == 6 and not conversion.report.dropped


def test_relative_tables_are_resized_for_another_training_size(reference):
    released = reference('det_cascade_a.pt')['state_dict']
    target = dict(convert_state_dict(released, 'detection').state_dict)
    name = 'backbone.blocks.3.attn.rel_pos.h'
    target[name] = torch.empty(15, target[name].shape[1])
    conversion = convert_state_dict(released, 'detection', target=target)
    assert conversion.state_dict[name].shape == target[name].shape
    assert list(conversion.report.resized) == [name]


def test_backbone_alone_goes_into_other_tasks(reference):
    released = reference('det_cascade_a.pt')['state_dict']
    report = convert_state_dict(released, 'classification').report
    assert not report.unexpected
    assert {name for name in report.renamed.values() if not name.startswith('backbone.')} == set()
