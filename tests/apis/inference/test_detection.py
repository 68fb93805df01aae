"""Detection: mmdet's own detections, readable by pycocotools."""

import json

import numpy as np
import pytest
from mmengine.config import Config
from PIL import Image
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from pycocotools.mask import decode

from eva_mm.apis.errors import UserError
from eva_mm.apis.inference import ResultWriter
from eva_mm.apis.inference.coco_ids import COCO_IDS, CocoIds, read_coco_ids


@pytest.fixture(scope='module')
def inferencer(nano):
    return nano('detection', score_thr=0.0)


@pytest.fixture(scope='module')
def results(inferencer, photos):
    return inferencer([photos / 'china.png', photos / 'more' / 'flower.png'], batch_size=2)


def test_detections_are_those_of_mmdets_own_function(inferencer, results, photos):
    from mmcv.transforms import Compose
    from mmdet.apis import inference_detector

    inferencer.model.cfg = inferencer.cfg
    pipeline = Compose([inferencer.pipeline.reader, *inferencer.pipeline.steps])
    expected = inference_detector(inferencer.model, str(photos / 'china.png'), pipeline).pred_instances
    found = results[0].prediction['detections']
    assert len(found) == len(expected) > 0
    best = expected.scores.argmax()
    x1, y1, x2, y2 = expected.bboxes[best].tolist()
    assert found[0]['score'] == pytest.approx(expected.scores[best].item(), abs=1e-4)
    assert found[0]['bbox'] == pytest.approx([x1, y1, x2 - x1, y2 - y1], abs=0.1)
    assert found[0]['category_id'] == inferencer.category_ids[expected.labels[best].item()]
    assert np.array_equal(decode(found[0]['segmentation']), expected.masks[best].numpy())


def test_half_precision_on_a_cpu_gives_nearly_the_same(nano, photos, results):
    (half,) = nano('detection', score_thr=0.0, half=True)([photos / 'china.png'])
    best, expected = half.prediction['detections'][0], results[0].prediction['detections'][0]
    assert best['score'] == pytest.approx(expected['score'], abs=0.05)


def test_boxes_and_masks_have_the_size_of_the_image(results, photos):
    for result in results:
        width, height = Image.open(result.input).size
        assert (result.prediction['height'], result.prediction['width']) == (height, width)
        assert result.picture.shape == (height, width, 3)
        for found in result.prediction['detections']:
            x, y, w, h = found['bbox']
            assert min(x, y) >= 0 and x + w <= width + 0.1 and y + h <= height + 0.1
            assert found['segmentation']['size'] == [height, width]
    scores = [found['score'] for found in results[0].prediction['detections']]
    assert scores == sorted(scores, reverse=True)


def test_detections_are_drawn_above_the_threshold_alone(inferencer, photos):
    path = photos / 'china.png'
    original = np.asarray(Image.open(path))
    inferencer.score_thr = 1.0
    untouched = inferencer(path)[0].picture
    inferencer.score_thr = 0.0
    drawn = inferencer(path)[0].picture
    assert np.array_equal(untouched, original)
    assert (drawn != original).any(axis=2).mean() > 0.05


def test_pycocotools_reads_what_is_written(inferencer, results, tmp_path):
    writer = ResultWriter(tmp_path, inferencer)
    for result in results:
        writer.add(result)
    writer.finish()
    truth = COCO(tmp_path / 'images.json')
    loaded = truth.loadRes(str(tmp_path / 'detections.json'))
    assert [image['file_name'] for image in truth.loadImgs(truth.getImgIds())] == [each.input for each in results]
    assert [each['name'] for each in truth.loadCats(truth.getCatIds())] == list(inferencer.classes)
    assert len(loaded.anns) == sum(len(each.prediction['detections']) for each in results)
    # with the detections as the truth, the average precision of each is 1
    content = json.loads((tmp_path / 'images.json').read_text())
    found = json.loads((tmp_path / 'detections.json').read_text())
    content['annotations'] = [dict(each, id=index + 1, iscrowd=0, area=100) for index, each in enumerate(found)]
    (tmp_path / 'truth.json').write_text(json.dumps(content))
    truth = COCO(tmp_path / 'truth.json')
    evaluation = COCOeval(truth, truth.loadRes(str(tmp_path / 'detections.json')), 'segm')
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    assert evaluation.stats[0] > 0.99


def test_coco_has_its_own_ids():
    from mmdet.datasets import CocoDataset

    classes = CocoDataset.METAINFO['classes']
    assert CocoIds().of_classes(classes) == COCO_IDS
    # two known ends of COCO's list: person is 1, toothbrush 90; stop sign is 13 and not 12
    assert (len(COCO_IDS), COCO_IDS[0], COCO_IDS[-1], COCO_IDS[classes.index('stop sign')]) == (80, 1, 90, 13)
    assert CocoIds().of_classes(['a', 'b']) == (1, 2)


def test_ids_of_ones_own_annotation_file_are_kept(tmp_path):
    content = dict(
        categories=[dict(id=9, name='b'), dict(id=5, name='a')],
        images=[dict(id=40, file_name='val/x.jpg'), dict(id=30, file_name='val/y.jpg')],
    )
    (tmp_path / 'val.json').write_text(json.dumps(content))
    loader = dict(dataset=dict(type='CocoDataset', data_root=str(tmp_path), ann_file='val.json'))
    ids = read_coco_ids(Config(dict(test_dataloader=loader)))
    assert ids.of_classes(['a', 'b']) == (5, 9)
    assert ids.of_images(['else/y.jpg', 'x.jpg']) == [30, 40]
    assert ids.of_images(['y.jpg', 'new.jpg']) == ids.of_images(['y.jpg', 'more/y.jpg']) == [1, 2]
    (tmp_path / 'val.json').write_text('broken')
    assert read_coco_ids(Config(dict(test_dataloader=loader))) == CocoIds()


def test_an_impossible_threshold_is_refused(nano):
    with pytest.raises(UserError, match='between 0 and 1'):
        nano('detection', score_thr=2.0)
