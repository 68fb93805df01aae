import json

import pytest

from eva_mm.apis.errors import UserError
from eva_mm.apis.options import TestOptions, TrainOptions
from eva_mm.apis.test import prepare_test
from eva_mm.apis.train import prepare_training


@pytest.fixture
def config(own_folders, tmp_path):
    """A config in mmdet's own style, without --data-root."""
    root = own_folders.coco(tmp_path / 'own')
    content = json.loads((root / 'annotations' / 'train.json').read_text())
    for split in ('train', 'val'):
        (root / 'annotations' / f'{split}.json').write_text(json.dumps(content))

    def write(classes, heads):
        text = f"""
_base_ = 'eva_mm::nano/detection.py'
data = dict(data_root='{root}', metainfo=dict(classes={classes}))
train_dataloader = dict(dataset=dict(**data, ann_file='annotations/train.json', data_prefix=dict(img='train')))
val_dataloader = dict(dataset=dict(**data, ann_file='annotations/val.json', data_prefix=dict(img='val')))
test_dataloader = val_dataloader
model = dict(
    backbone=dict(init_cfg=None),
    roi_head=dict(mask_head=dict(num_classes={heads})))
"""
        (tmp_path / 'x.py').write_text(text)
        return str(tmp_path / 'x.py')

    return write


def test_names_of_other_capitals_are_told_before_training(config, tmp_path):
    path = config(('Cat', 'dog', 'emu'), 10)
    with pytest.raises(
        UserError, match=r"lists the class Cat, which is not in .*train.json: it has \['cat', 'dog', 'emu'\]"
    ):
        prepare_training(TrainOptions(config=path, work_dir=str(tmp_path / 'w')))
    with pytest.raises(UserError, match='test_dataloader lists the class Cat'):
        prepare_test(TestOptions(config=path, checkpoint='none.pth', work_dir=str(tmp_path / 'w')))


def test_a_head_of_another_number_is_told_before_training(config, tmp_path):
    path = config(('cat', 'dog', 'emu'), 10)
    with pytest.raises(UserError, match=r'lists 3 classes, and the heads of the model have \[10\]: set num_classes=3'):
        prepare_training(TrainOptions(config=path, work_dir=str(tmp_path / 'w')))
