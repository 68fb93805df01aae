"""What both EoMT heads have: the losses of transformers, and classes and masks that a perfect prediction has."""

import pytest
import torch
from mmengine.structures import InstanceData

from eva_mm.models.decode_heads import EoMTSegHead
from eva_mm.models.panoptic_heads import EoMTHead

HEADS = [lambda **kw: EoMTHead(16, 4, 0, **kw), lambda **kw: EoMTSegHead(16, 4, **kw)]


@pytest.mark.parametrize('make', HEADS, ids=['mmdet', 'mmseg'])
def test_losses_are_those_of_transformers(make, reference, monkeypatch):
    """Of masks that are the same everywhere and points in the middle: at the border they fade."""
    monkeypatch.setattr(
        torch, 'rand', lambda *shape, device=None: torch.full(shape if isinstance(shape[0], int) else shape[0], 0.5)
    )
    golden = reference('eomt/losses.pt')
    head = make()
    head.num_queries = 12
    instances = [
        InstanceData(labels=labels, masks=full[:, None, None].expand(-1, 64, 64))
        for labels, full in zip(golden['labels'], golden['full'])
    ]
    masks = golden['levels'][:, :, None, None].expand(16, 12, 16, 16)
    losses = head.loss_by_feat([golden['classes']], [masks], instances, [{}] * 16)
    expected = golden['losses']
    for ours, theirs in (('loss_cls', 'loss_cross_entropy'), ('loss_mask', 'loss_mask'), ('loss_dice', 'loss_dice')):
        torch.testing.assert_close(losses[ours].squeeze(), expected[theirs])


@pytest.mark.parametrize('make', HEADS, ids=['mmdet', 'mmseg'])
def test_every_block_has_losses_and_takes_half_precision(make):
    head = make()
    segments = [(torch.randn(1, 5, 16), torch.randn(1, 5, 8, 8).half()) for _ in range(3)]
    scores, masks = head(segments, [])
    assert {each.dtype for each in (*scores, *masks)} == {torch.float32}
    instances = [InstanceData(labels=torch.tensor([1]), masks=torch.ones(1, 32, 32))]
    losses = head.loss_by_feat(scores, masks, instances, [{}])
    assert {name.rpartition('.')[0] for name in losses} == {'', 'd0', 'd1'} and len(losses) == 9
    assert all(torch.isfinite(loss) for loss in losses.values())


@pytest.mark.parametrize('make', HEADS, ids=['mmdet', 'mmseg'])
def test_refuses_weights_of_other_classes(make):
    with pytest.raises(ValueError, match='class_weight has 3 weights for 4 classes'):
        make(loss_cls=dict(class_weight=[1.0, 1.0, 0.1]))
