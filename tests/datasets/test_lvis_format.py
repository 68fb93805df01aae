import json

import pytest

pytest.importorskip('mmdet')
pytest.importorskip('lvis')


def test_classes_are_those_of_the_file(tmp_path):
    from eva_mm.registry import DATASETS

    url = 'http://images.cocodataset.org/train2017/000000000001.jpg'
    image = dict(id=1, coco_url=url, height=9, width=9, neg_category_ids=[], not_exhaustive_category_ids=[])
    annotation = dict(id=1, image_id=1, category_id=40, bbox=[1, 1, 4, 4], area=16, segmentation=[[1, 1, 5, 1, 5, 5]])
    categories = [dict(id=40, name='owl'), dict(id=7, name='fox')]
    content = dict(info={}, images=[image], annotations=[annotation], categories=categories)
    (tmp_path / 'lvis.json').write_text(json.dumps(content))
    dataset = DATASETS.build(
        dict(
            type='eva_mm.LVISFormatDataset',
            data_root=str(tmp_path),
            ann_file='lvis.json',
            data_prefix=dict(img=''),
            pipeline=[],
        )
    )
    assert dataset.metainfo['classes'] == ('fox', 'owl')
    assert dataset.get_cat_ids(0) == [1]
    assert dataset.get_data_info(0)['img_path'].endswith('train2017/000000000001.jpg')
