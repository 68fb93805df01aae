import math

import pytest
import torch

pytest.importorskip('mmaction')

from mmaction.structures import ActionDataSample  # noqa: E402

from eva_mm.models.action_heads import EVAVideoHead  # noqa: E402

BLOCK = {'blocks.0.attn.qkv.weight': torch.zeros(12, 4)}


@pytest.fixture
def files(tmp_path):
    """A released checkpoint of 5 classes, and a row map to 3."""
    weights = {'head.weight': torch.arange(20.0).view(5, 4), 'head.bias': torch.arange(5.0), **BLOCK}
    torch.save({'model': weights}, tmp_path / 'k722.pth')
    (tmp_path / 'rows.txt').write_text('4 d\n-1 new\n1 b\n')
    return tmp_path


def head(start_from=None, classes=3, **kwargs):
    module = EVAVideoHead(classes, 4, start_from=start_from, topk=(1,), **kwargs)
    module.init_weights()
    return module.fc_cls


def test_rows_of_the_same_classes_are_taken(files):
    linear = head(dict(checkpoint=str(files / 'k722.pth'), rows=str(files / 'rows.txt')))
    assert linear.weight[[0, 2]].tolist() == [[16, 17, 18, 19], [4, 5, 6, 7]]
    assert linear.bias.tolist() == [4, 0, 1]
    assert 0 < linear.weight[1].abs().max() < 0.2
    assert isinstance(linear.weight, torch.nn.Parameter) and linear.weight.requires_grad


def test_without_rows_the_classes_are_the_same(files):
    linear = head(dict(checkpoint=str(files / 'k722.pth')), classes=5)
    assert torch.equal(linear.weight, torch.arange(20.0).view(5, 4))


@pytest.mark.parametrize(
    ('start_from', 'message'),
    [
        (dict(checkpoint='k722.pth'), 'k722.pth knows 5 classes, this head 3: name a row map'),
        (dict(checkpoint='mim.pth'), 'mim.pth has no classifier to start from'),
        (dict(rows='rows.txt'), 'start_from=.* is unknown'),
    ],
)
def test_wrong_starts_are_refused(files, start_from, message):
    torch.save({'model': BLOCK}, files / 'mim.pth')
    start_from = {key: str(files / value) for key, value in start_from.items()}
    with pytest.raises(ValueError, match=message):
        head(start_from)


def test_smoothing_and_mixing_of_labels_commute():
    """The release smooths labels and then mixes them, mmaction2 the other way round: the loss is the same."""
    module = EVAVideoHead(3, 4, label_smooth_eps=0.1, topk=(1,))
    scores, lam = torch.randn(2, 3), 0.3
    hard = torch.eye(3)[[0, 2]]
    samples = [ActionDataSample().set_gt_label(label) for label in lam * hard + (1 - lam) * hard.flip(0)]
    loss = module.loss_by_feat(scores, samples)['loss_cls']
    smooth = 0.9 * hard + 0.1 / 3
    target = lam * smooth + (1 - lam) * smooth.flip(0)
    torch.testing.assert_close(loss, -(target * scores.log_softmax(1)).sum(1).mean())


def test_views_are_averaged_as_probabilities():
    module = EVAVideoHead(3, 4, average_clips='prob', topk=(1,)).eval()
    features = torch.randn(2 * 12, 4)
    predicted = module.predict(features, [ActionDataSample(), ActionDataSample()])
    expected = module.fc_cls(features).softmax(1).view(2, 12, 3).mean(1)
    torch.testing.assert_close(torch.stack([sample.pred_score for sample in predicted]), expected)


def test_the_first_loss_is_the_logarithm_of_the_classes():
    """The release multiplies the start of the classifier by 0.001; with mmaction2's the loss is 0.3 higher."""
    module = EVAVideoHead(722, 1408, topk=(1,))
    module.init_weights()
    assert module.fc_cls.weight.std().item() == pytest.approx(2e-5, rel=0.02)
    features = torch.nn.functional.layer_norm(torch.randn(64, 1408), (1408,))
    samples = [ActionDataSample().set_gt_label(index) for index in range(64)]
    loss = module.loss_by_feat(module(features), samples)['loss_cls']
    assert loss.item() == pytest.approx(math.log(722), rel=1e-3)
