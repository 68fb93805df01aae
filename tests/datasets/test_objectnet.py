import json

import pytest

from eva_mm.datasets import ObjectNet


def test_only_classes_shared_with_imagenet(tmp_path):
    (tmp_path / 'mappings').mkdir()
    names = dict(tie='Tie', bench='Bench', plate='Paper plate')
    (tmp_path / 'mappings' / 'folder_to_objectnet_label.json').write_text(json.dumps(names))
    shared = dict(Tie='bow tie; necktie', Bench='park bench')
    (tmp_path / 'mappings' / 'objectnet_to_imagenet_1k.json').write_text(json.dumps(shared))
    for folder in names:
        (tmp_path / 'images' / folder).mkdir(parents=True)
        (tmp_path / 'images' / folder / '0.png').touch()
    dataset = ObjectNet(data_root=str(tmp_path))
    assert dataset.metainfo['classes'] == ('Bench', 'Tie')
    samples = [dataset.get_data_info(index) for index in range(len(dataset))]
    assert [(s['img_path'].split('/')[-2], s['gt_label']) for s in samples] == [('bench', 0), ('tie', 1)]


def test_missing_mappings(tmp_path):
    with pytest.raises(FileNotFoundError, match='unpack objectnet-1.0 there'):
        ObjectNet(data_root=str(tmp_path))
