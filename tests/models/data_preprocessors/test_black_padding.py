import pytest
import torch

pytest.importorskip('mmseg')
from mmseg.structures import SegDataSample

from eva_mm.models.data_preprocessors import BlackPadSegPreProcessor
from tests.helpers.parity import assert_near

MEAN, STD = [123.675, 116.28, 103.53], [58.395, 57.12, 57.375]


def build(**kwargs):
    return BlackPadSegPreProcessor(mean=MEAN, std=STD, bgr_to_rgb=True, size=(8, 8), **kwargs)


def test_padding_of_test_images_is_black_and_known_to_the_sample():
    image = torch.randint(0, 256, (3, 5, 7), dtype=torch.uint8)
    batch = build(test_cfg=dict(size=(8, 8)))(dict(inputs=[image], data_samples=[SegDataSample()]))
    mean, std = (torch.tensor(each)[:, None, None] for each in (MEAN, STD))
    padded = torch.zeros(3, 8, 8)
    padded[:, :5, :7] = image.flip(0)
    assert_near(batch['inputs'][0], (padded - mean) / std, 1e-6)
    assert tuple(batch['data_samples'][0].img_padding_size) == (0, 1, 0, 3)


def test_padding_in_training_has_the_mean_colour():
    image = torch.randint(0, 256, (3, 5, 7), dtype=torch.uint8)
    batch = build()(dict(inputs=[image], data_samples=[SegDataSample()]), training=True)
    assert batch['inputs'][0, :, 5:].count_nonzero() == 0


def test_without_normalisation_nothing_is_normalised():
    preprocessor = BlackPadSegPreProcessor(test_cfg=dict(size=(8, 8)))
    image = torch.randint(0, 256, (3, 5, 7), dtype=torch.uint8)
    batch = preprocessor(dict(inputs=[image], data_samples=[SegDataSample()]))
    assert torch.equal(batch['inputs'][0, :, :5, :7], image.float())
