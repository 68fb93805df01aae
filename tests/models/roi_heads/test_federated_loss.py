import pytest
import torch

from eva_mm.registry import MODELS
from tests.helpers.parity import assert_near

pytest.importorskip('mmdet')


@pytest.fixture
def case(reference):
    return reference('det_fedloss_a.pt')


@pytest.fixture
def loss(case):
    built = MODELS.build(
        dict(
            type='eva_mm.FederatedLoss',
            num_classes=case['config']['num_classes'],
            num_sampled=case['config']['fed_loss_num_classes'],
        )
    )
    built.class_weights.copy_(case['inputs']['cls_weights'])
    return built


def test_loss_and_gradient_match_the_released_code(case, loss):
    labels = case['inputs']['gt_classes']
    for draw in case['outputs']['draws']:
        logits = case['inputs']['logits'].clone().requires_grad_()
        torch.manual_seed(draw['seed'])
        value = loss(logits, labels)
        value.backward()
        assert value.item() == pytest.approx(draw['loss'], rel=1e-6)
        assert_near(logits.grad, draw['grad'], 1e-6)


def test_classes_are_drawn_as_often_as_released(case, loss):
    labels, draws = case['inputs']['gt_classes'], 3000
    counts = torch.zeros(21)
    for _ in range(draws):
        counts[loss.sample_classes(labels)] += 1
    expected = case['outputs']['inclusion_frequency_4000']
    assert (counts / draws - expected).abs().max() < 0.04


def test_without_sampling_it_is_sigmoid_cross_entropy(case, loss):
    loss.num_sampled = None
    value = loss(case['inputs']['logits'], case['inputs']['gt_classes'])
    assert value.item() == pytest.approx(case['outputs']['loss_without_fed'], rel=1e-6)


def test_no_rows(loss):
    assert loss(torch.zeros(0, 21), torch.zeros(0, dtype=torch.long)).item() == 0


def test_small_vocabulary_takes_all_its_classes(loss):
    loss.num_sampled = 50
    assert sorted(loss.sample_classes(torch.tensor([3, 20])).tolist()) == list(range(21))


def test_background_has_no_probability(loss):
    assert loss.get_activation(torch.full((2, 21), 30.0))[:, 20].tolist() == [0.0, 0.0]
    assert loss.get_cls_channels(20) == 21
    loss.spare_logit = False
    assert loss.get_cls_channels(20) == 20


def test_image_counts_become_weights(loss):
    loss.set_image_counts([4] * 19 + [100])
    assert loss.class_weights.tolist() == [2.0] * 19 + [10.0]


def test_wrong_number_of_classes(loss):
    with pytest.raises(ValueError, match='3 image counts were given for a loss of 20 classes'):
        loss.set_image_counts([1, 2, 3])
    with pytest.raises(ValueError, match='num_classes=80 but its FederatedLoss num_classes=20'):
        loss.get_cls_channels(80)
