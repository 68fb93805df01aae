import pytest
import torch

pytest.importorskip('mmdet')
from mmdet.models.task_modules.assigners import MaxIoUAssigner
from mmdet.structures.bbox import bbox_overlaps
from mmengine.structures import InstanceData

from eva_mm.models.task_modules import OwnBestAssigner

RPN = dict(pos_iou_thr=0.7, neg_iou_thr=0.3, min_pos_iou=0.0, match_low_quality=True, ignore_iof_thr=-1)


def released_targets(overlaps):
    """detectron2's rule, anchor by anchor: 0 background, -1 ignored, i + 1 the object of a positive."""
    targets = []
    for anchor in overlaps.T.tolist():
        best = max(anchor)
        low_quality = any(value == overlaps[index].max() for index, value in enumerate(anchor))
        if best >= 0.7 or low_quality:
            targets.append(anchor.index(best) + 1)
        else:
            targets.append(0 if best < 0.3 else -1)
    return targets


def crowded(seed, objects=6, anchors=400):
    """Objects that overlap each other, so that the best anchor of one often overlaps another one more."""
    generator = torch.Generator().manual_seed(seed)
    corners = 40 + 20 * torch.rand(objects + anchors, 2, generator=generator)
    boxes = torch.cat((corners, corners + 20 + 15 * torch.rand(objects + anchors, 2, generator=generator)), dim=1)
    return boxes[:objects], boxes[objects:]


@pytest.mark.parametrize('seed', range(4))
def test_every_positive_keeps_the_object_that_it_overlaps_most(seed):
    objects, anchors = crowded(seed)
    labels = torch.arange(len(objects)) + 10
    truth, priors = InstanceData(bboxes=objects, labels=labels), InstanceData(priors=anchors)
    expected = torch.tensor(released_targets(bbox_overlaps(objects, anchors)))
    found = OwnBestAssigner(**RPN).assign(priors, truth)
    assert torch.equal(found.gt_inds, expected)
    positive = expected > 0
    assert torch.equal(found.labels[positive], labels[expected[positive] - 1])
    assert (found.labels[~positive] == -1).all()


def test_mmdet_differs_where_an_object_takes_the_best_anchor_of_another():
    """IoU of the anchor: 0.6 with the first object, 0.5 with the second, whose best anchor it is."""
    overlaps, labels = torch.tensor([[0.6, 0.65], [0.5, 0.1]]), torch.tensor([3, 4])
    assert OwnBestAssigner(**RPN).assign_wrt_overlaps(overlaps, labels).gt_inds.tolist() == [1, 1]
    assert MaxIoUAssigner(**RPN).assign_wrt_overlaps(overlaps, labels).gt_inds.tolist() == [2, 1]


@pytest.mark.parametrize(('objects', 'anchors', 'expected'), [(0, 3, [0, 0, 0]), (2, 0, [])])
def test_nothing_to_assign(objects, anchors, expected):
    found = OwnBestAssigner(**RPN).assign_wrt_overlaps(torch.zeros(objects, anchors), torch.zeros(objects).long())
    assert found.gt_inds.tolist() == expected
