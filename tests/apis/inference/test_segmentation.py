"""Segmentation: mmseg's own labels, for images of any size."""

import numpy as np
import pytest
from mmengine.registry import DefaultScope
from PIL import Image

from eva_mm.apis.inference import ResultWriter


@pytest.fixture(scope='module')
def inferencer(nano):
    return nano('segmentation')


@pytest.fixture(scope='module')
def results(inferencer, photos):
    return inferencer([photos / 'china.png', photos / 'more' / 'flower.png'], batch_size=2)


def test_labels_are_those_of_mmsegs_own_function(inferencer, results, photos):
    from mmseg.apis import inference_model

    inferencer.model.cfg = inferencer.cfg
    with DefaultScope.overwrite_default_scope('mmseg'):
        expected = inference_model(inferencer.model, str(photos / 'china.png'))
    assert np.array_equal(results[0].arrays['labels'], expected.pred_sem_seg.data[0].numpy())


def test_shares_add_up_and_are_of_the_labels(inferencer, results):
    for result in results:
        labels, classes = result.arrays['labels'], result.prediction['classes']
        assert labels.shape == Image.open(result.input).size[::-1] == result.picture.shape[:2]
        assert sum(each['share'] for each in classes) == pytest.approx(1, abs=1e-4)
        assert [each['share'] for each in classes] == sorted((each['share'] for each in classes), reverse=True)
        first = classes[0]
        assert first['share'] == pytest.approx((labels == first['label']).mean(), abs=1e-5)
        assert first['name'] == inferencer.classes[first['label']]


def test_labels_are_written_as_png(inferencer, results, tmp_path):
    writer = ResultWriter(tmp_path, inferencer)
    for result in results:
        writer.add(result)
    writer.finish()
    for result, name in zip(results, ('china', 'flower')):
        written = np.asarray(Image.open(tmp_path / 'labels' / f'{name}.png'))
        assert np.array_equal(written, result.arrays['labels'])
