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


def test_a_byte_order_mark_is_accepted_and_what_is_left_out_is_told(tmp_path, monkeypatch):
    told = []
    monkeypatch.setattr('eva_mm.datasets.objectnet.print_log', lambda message, **_: told.append(message))
    (tmp_path / 'mappings').mkdir()
    (tmp_path / 'mappings/folder_to_objectnet_label.json').write_bytes(b'\xef\xbb\xbf{"tie": "Tie"}')
    (tmp_path / 'mappings/objectnet_to_imagenet_1k.json').write_text('{"Tie": "bow tie"}')
    (tmp_path / 'images/tie').mkdir(parents=True)
    (tmp_path / 'images/tie/0.png').touch()
    (tmp_path / 'images/tie/1.jpg').touch()
    assert len(ObjectNet(data_root=str(tmp_path))) == 1
    assert len(told) == 1 and 'Skipped: 1 ' in told[0] and '1.jpg' in told[0]
    (tmp_path / 'mappings/objectnet_to_imagenet_1k.json').write_text('["Tie"]')
    with pytest.raises(ValueError, match='must be dicts'):
        ObjectNet(data_root=str(tmp_path))
