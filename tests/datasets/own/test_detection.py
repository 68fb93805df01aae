import json

import cv2
import numpy as np
import pytest
from mmengine.config import Config

from eva_mm.datasets.own.detection import point_to_coco_folder, set_num_classes

HEIGHT, WIDTH = 40, 50


def annotation(number, image, category, box, **changes):
    x, y, w, h = box
    polygon = [[x, y, x + w, y, x + w, y + h, x, y + h]]
    return dict(
        dict(id=number, image_id=image, category_id=category, bbox=box, area=w * h, iscrowd=0, segmentation=polygon),
        **changes,
    )


RLE = dict(counts=[HEIGHT * 20, HEIGHT * 10, HEIGHT * 20], size=[HEIGHT, WIDTH])


@pytest.fixture
def folder(tmp_path):
    """Three classes with holes in their ids, and everything that real files have wrong."""
    content = dict(
        images=[dict(id=index, file_name=f'{index}.png', height=HEIGHT, width=WIDTH) for index in range(4)],
        categories=[dict(id=20, name='owl'), dict(id=3, name='fox'), dict(id=9, name='eel')],
        annotations=[
            annotation(1, 0, 20, [5, 5, 20, 20]),
            annotation(2, 0, 3, [20, 0, 10, 40], segmentation=RLE),
            annotation(3, 1, 9, [5, 5, 0, 9]),
            annotation(4, 1, 9, [5, 5, 15, 9], segmentation=[[5, 5, 20, 14]]),
            annotation(5, 2, 3, [5, 5, 20, 20], iscrowd=1, segmentation=RLE),
            annotation(6, 3, 9, [2, 2, 30, 30]),
        ],
    )
    for split in ('train', 'val'):
        (tmp_path / 'images' / split).mkdir(parents=True)
        for image in content['images']:
            pixels = np.random.default_rng(image['id']).integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8)
            cv2.imwrite(str(tmp_path / 'images' / split / image['file_name']), pixels)
        (tmp_path / f'{split}.json').write_text(json.dumps(content))
        # COCO's metric cannot read the polygon of two points
        content['annotations'] = [each for each in content['annotations'] if each['id'] != 4]
    return tmp_path


@pytest.fixture
def cfg():
    heads = [dict(type='Head', num_classes=80, loss_cls=dict(num_classes=80)) for _ in range(2)]
    loader = dict(
        dataset=dict(type='CocoDataset', data_root='data/coco/', ann_file='a.json', data_prefix=dict(img='x'))
    )
    evaluator = dict(type='CocoMetric', ann_file='data/coco/a.json')
    return Config(
        dict(
            model=dict(roi_head=dict(bbox_head=heads, mask_head=dict(num_classes=80))),
            train_dataloader=loader,
            val_dataloader=loader,
            test_dataloader=dict(dataset=dict(type='RepeatDataset', dataset=loader['dataset'])),
            val_evaluator=evaluator,
            test_evaluator=[evaluator],
        )
    )


def test_config_follows_the_folder(folder, cfg):
    summaries = point_to_coco_folder(cfg, folder)
    classes = ('fox', 'eel', 'owl')
    assert summaries['train'].classes == classes
    assert summaries['train'].skipped == {
        'box without area': 1, 'polygon of fewer than 3 points': 1, 'crowd': 1,
    }  # fmt: skip
    roi_head = cfg.model.roi_head
    assert {head.num_classes for head in roi_head.bbox_head} == {3}
    assert roi_head.bbox_head[1].loss_cls.num_classes == roi_head.mask_head.num_classes == 3
    train, test = cfg.train_dataloader.dataset, cfg.test_dataloader.dataset.dataset
    assert (train.data_root, train.ann_file, train.data_prefix.img) == (str(folder), 'train.json', 'images/train')
    assert (test.ann_file, test.metainfo.classes) == ('val.json', classes)
    assert cfg.val_evaluator.ann_file == cfg.test_evaluator[0].ann_file == str(folder / 'val.json')


def test_mmdet_reads_what_was_inspected(folder, cfg):
    datasets = pytest.importorskip('mmdet.datasets')
    from mmdet.datasets.transforms import LoadAnnotations

    summary = point_to_coco_folder(cfg, folder)['train']
    settings = cfg.train_dataloader.dataset.to_dict()
    settings.pop('type')
    dataset = datasets.CocoDataset(**settings, filter_cfg=dict(filter_empty_gt=True), pipeline=[])
    load = LoadAnnotations(with_bbox=True, with_mask=True)
    trained = 0
    for index in range(len(dataset)):
        results = load(dict(dataset.get_data_info(index), ori_shape=(HEIGHT, WIDTH), img_shape=(HEIGHT, WIDTH)))
        trained += int((~results['gt_ignore_flags']).sum())
    assert trained == summary.num_objects == 3
    assert dataset.metainfo['classes'] == summary.classes


def test_other_data_sets_are_refused(folder, cfg):
    cfg.train_dataloader.dataset.type = 'eva_mm.LVISFormatDataset'
    with pytest.raises(ValueError, match='The config reads eva_mm.LVISFormatDataset, .* take a config of COCO'):
        point_to_coco_folder(cfg, folder)


def test_splits_must_agree(folder, cfg):
    content = json.loads((folder / 'val.json').read_text())
    content['categories'][0]['name'] = 'cow'
    (folder / 'val.json').write_text(json.dumps(content))
    with pytest.raises(ValueError, match="train.json and .*val.json have other classes .* for instance 'cow'"):
        point_to_coco_folder(cfg, folder)


def test_every_number_of_classes_is_set():
    model = dict(head=[dict(num_classes=80), dict(loss=dict(num_classes=80))], other=dict(channels=80))
    set_num_classes(model, 3)
    assert model == dict(head=[dict(num_classes=3), dict(loss=dict(num_classes=3))], other=dict(channels=80))


def test_mask_classifiers_get_things_and_the_weight_of_no_object(folder, cfg):
    """Mask2Former and EoMT: no stuff, and masks are looked for in the annotations."""
    weights = [1.0] * 133 + [0.1]
    head = dict(num_things_classes=80, num_stuff_classes=53, loss_cls=dict(class_weight=weights))
    cfg.model = dict(panoptic_head=head, panoptic_fusion_head=dict(num_things_classes=80, num_stuff_classes=53))
    assert 'polygon of fewer than 3 points' in point_to_coco_folder(cfg, folder)['train'].skipped
    for part in cfg.model.values():
        assert (part.num_things_classes, part.num_stuff_classes) == (3, 0)
    assert cfg.model.panoptic_head.loss_cls.class_weight == [1.0, 1.0, 1.0, 0.1]


def test_a_folder_of_boxes_drops_the_mask_head(folder, cfg):
    for split in ('train', 'val'):
        content = json.loads((folder / f'{split}.json').read_text())
        content['annotations'] = [{**each, 'segmentation': []} for each in content['annotations']]
        (folder / f'{split}.json').write_text(json.dumps(content))
    cfg.train_dataloader.dataset.pipeline = [dict(type='eva_mm.LoadPolygons'), dict(type='Flip', with_mask=True)]
    cfg.val_evaluator.metric = ['bbox', 'segm']
    cfg.default_hooks = dict(checkpoint=dict(save_best='coco/segm_mAP'))
    cfg.model.test_cfg = dict(rcnn=dict(maskness_thr=0.5))
    remarks = point_to_coco_folder(cfg, folder)['train'].remarks
    assert remarks[-1] == 'Objects without masks: the mask head is left out, boxes alone are trained and tested.'
    assert 'mask_head' not in cfg.model.roi_head and not cfg.model.test_cfg.rcnn
    assert cfg.train_dataloader.dataset.pipeline[0] == dict(type='LoadAnnotations', with_bbox=True)
    assert not cfg.train_dataloader.dataset.pipeline[1].with_mask and cfg.val_evaluator.metric == 'bbox'
    assert cfg.default_hooks.checkpoint.save_best == 'coco/bbox_mAP'
    # a model that knows masks alone cannot do without
    cfg.model = dict(panoptic_head=dict(num_things_classes=80))
    with pytest.raises(ValueError, match='has objects without segmentation, but the model has a mask head'):
        point_to_coco_folder(cfg, folder)


@pytest.mark.parametrize('name', ['train.json', 'annotations/instances_default.json'])
def test_of_one_file_a_tenth_is_put_aside(folder, cfg, name, tmp_path_factory, monkeypatch):
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path_factory.mktemp('cache')))
    (folder / 'annotations').mkdir()
    (folder / 'val.json').unlink()
    (folder / 'train.json').rename(folder / name)
    (folder / 'images' / 'train').rename(folder / 'images' / 'default')
    summaries = point_to_coco_folder(cfg, folder)
    assert (summaries['train'].num_images, summaries['val'].num_images) == (3, 1)
    assert f'{name} is all there is: every tenth image was put aside' in summaries['train'].remarks[-1]
    train, val = (set(_image_ids(cfg[f'{split}_dataloader'].dataset.ann_file)) for split in ('train', 'val'))
    assert not train & val and cfg.val_evaluator.ann_file == cfg.val_dataloader.dataset.ann_file
    again = point_to_coco_folder(cfg, folder)
    assert again['val'].ann_file == summaries['val'].ann_file


def _image_ids(path):
    with open(path) as file:
        return [image['id'] for image in json.load(file)['images']]


def _score(folder):
    """mAP of the objects of the validation file as mmdet's data set reads them, by mmdet's metric."""
    datasets, evaluation = pytest.importorskip('mmdet.datasets'), pytest.importorskip('mmdet.evaluation')
    import torch

    dataset = datasets.CocoDataset(
        data_root=str(folder), ann_file='val.json', data_prefix=dict(img='images/val'), test_mode=True, pipeline=[],
        metainfo=dict(classes=('fox', 'eel', 'owl')),
    )  # fmt: skip
    metric = evaluation.CocoMetric(ann_file=str(folder / 'val.json'), metric='bbox')
    metric.dataset_meta = dataset.metainfo
    for index in range(len(dataset)):
        found = [each for each in dataset.get_data_info(index)['instances'] if not each['ignore_flag']]
        boxes = torch.tensor([each['bbox'] for each in found]).reshape(-1, 4)
        labels = torch.tensor([each['bbox_label'] for each in found], dtype=torch.long)
        prediction = dict(bboxes=boxes, labels=labels, scores=torch.ones(len(found)))
        metric.process({}, [dict(img_id=index, ori_shape=(HEIGHT, WIDTH), pred_instances=prediction)])
    return metric.evaluate(len(dataset))['coco/bbox_mAP']


def test_the_hosts_read_what_is_filled_in(folder):
    """mmdet's data set and metric open the file themselves."""
    expected = _score(folder)
    content = json.loads((folder / 'val.json').read_text())
    for each in content['annotations']:
        del each['area']
        if each['iscrowd'] == 0:
            del each['iscrowd']
        each.update(id=float(each['id']), image_id=float(each['image_id']), category_id=str(each['category_id']))
    (folder / 'val.json').write_text(json.dumps(content))
    assert _score(folder) == expected > 0.5
