import json

import numpy as np
import pytest
import torch

pytest.importorskip('mmdet')
pytest.importorskip('lvis')

SIDE, OBJECTS = 40, 6


@pytest.fixture
def ann_file(tmp_path):
    """One image with six separate squares of one class, in the format of LVIS."""
    boxes = [[6 * index, 10, 5, 5] for index in range(OBJECTS)]
    annotations = [
        dict(
            id=index + 1,
            image_id=4,
            category_id=9,
            bbox=[x, y, w, h],
            area=w * h,
            segmentation=[[x, y, x + w, y, x + w, y + h, x, y + h]],
        )
        for index, (x, y, w, h) in enumerate(boxes)
    ]
    image = dict(id=4, height=SIDE, width=SIDE, neg_category_ids=[], not_exhaustive_category_ids=[])
    categories = [dict(id=9, name='cat', frequency='f', image_count=1, instance_count=OBJECTS, synset='cat.n.01')]
    path = tmp_path / 'lvis.json'
    path.write_text(json.dumps(dict(info={}, images=[image], annotations=annotations, categories=categories)))
    return path


def sample():
    """Six detections, all of them right."""
    masks = torch.zeros(OBJECTS, SIDE, SIDE, dtype=torch.bool)
    boxes = torch.tensor([[6.0 * index, 10, 6 * index + 5, 15] for index in range(OBJECTS)])
    for mask, (x1, y1, x2, y2) in zip(masks, boxes.int().tolist()):
        mask[y1:y2, x1:x2] = True
    found = dict(
        bboxes=boxes, masks=masks, scores=torch.linspace(0.9, 0.4, OBJECTS), labels=torch.zeros(OBJECTS).long()
    )
    return dict(img_id=4, ori_shape=(SIDE, SIDE), pred_instances=found)


def evaluate(ann_file, samples, **kwargs):
    from eva_mm.registry import METRICS

    metric = METRICS.build(
        dict(type='eva_mm.LVISMaxDetsMetric', ann_file=str(ann_file), metric=['bbox', 'segm'], **kwargs)
    )
    metric.dataset_meta = dict(classes=('cat',))
    metric.process({}, samples)
    return metric.evaluate(size=len(samples))


def test_all_found(ann_file):
    scores = evaluate(ann_file, [sample()])
    assert scores['lvis/bbox_AP'] == scores['lvis/segm_AP'] == pytest.approx(1)
    assert scores['lvis/bbox_APf'] == pytest.approx(1)
    assert scores['lvis/bbox_APr'] == -1


@pytest.mark.parametrize('max_dets', [3, 6, -1])
def test_only_so_many_detections_count(ann_file, max_dets):
    scores = evaluate(ann_file, [sample()], max_dets=max_dets)
    # LVIS reads precision at 101 recalls; three right ones of six reach the first 51
    expected = 51 / 101 if max_dets == 3 else 1
    assert scores['lvis/bbox_AP'] == pytest.approx(expected)
    assert scores['lvis/segm_AP'] == pytest.approx(expected)


def test_nothing_found(ann_file):
    empty = sample()
    empty['pred_instances'] = {key: value[:0] for key, value in empty['pred_instances'].items()}
    scores = evaluate(ann_file, [empty])
    assert set(np.unique(list(scores.values()))) == {0.0}


@pytest.mark.parametrize('kwargs, message', [(dict(max_dets=0), 'max_dets=0 must be a number')])
def test_errors(ann_file, kwargs, message):
    with pytest.raises(ValueError, match=message):
        evaluate(ann_file, [sample()], **kwargs)
