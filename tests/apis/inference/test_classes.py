"""Where names and colours of classes come from."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from mmengine.config import Config

from eva_mm.apis.inference.classes import class_names, class_palette, evaluated_dataset, num_classes

ROOT = Path(__file__).parents[3]
NOTHING = SimpleNamespace(_dataset_meta={})


@pytest.mark.parametrize(
    'config, count, first, colours',
    [
        ('classification/eva-g-p14_in21k-pre_in1k-336px', 1000, 'tench, Tinca tinca', False),
        ('detection/cascade-mask-rcnn_eva-g-p16_1536_coco-seg', 80, 'person', True),
        ('detection/cascade-mask-rcnn_eva-g-p16_1536_lvis', 1203, 'aerosol_can', False),
        ('segmentation/mask2former_eva-g-p16-adapter_ade20k-896px', 150, 'wall', True),
    ],
)
def test_data_sets_of_the_hosts_know_their_classes(config, count, first, colours):
    cfg = Config.fromfile(ROOT / 'configs' / f'{config}.py')
    names = class_names(cfg, NOTHING)
    assert (len(names), names[0]) == (count, first)
    palette = class_palette(cfg, NOTHING, count)
    assert len(palette) == count and all(0 <= part < 256 for colour in palette for part in colour)
    if colours:
        assert len(set(palette)) > 0.9 * count


def _cfg(tmp_path, classes):
    (tmp_path / 'classes.txt').write_text('cat\ndog\n')
    dataset = dict(type='RepeatDataset', dataset=dict(type='BaseDataset', metainfo=dict(classes=classes)))
    return Config(dict(model=dict(cls_head=dict(num_classes=2)), val_dataloader=dict(dataset=dataset)))


def test_the_checkpoint_knows_best_and_a_wrong_number_knows_nothing(tmp_path):
    cfg = _cfg(tmp_path, ['a', 'b'])
    assert class_names(cfg, SimpleNamespace(_dataset_meta=dict(classes=['x', 'y']))) == ('x', 'y')
    assert class_names(cfg, SimpleNamespace(_dataset_meta=dict(classes=['x', 'y', 'z']))) == ('a', 'b')
    assert class_names(_cfg(tmp_path, ['a']), NOTHING) == ('class 0', 'class 1')


def test_names_may_be_in_a_file(tmp_path):
    assert class_names(_cfg(tmp_path, str(tmp_path / 'classes.txt')), NOTHING) == ('cat', 'dog')
    assert class_names(_cfg(tmp_path, 'gone.txt'), NOTHING) == ('class 0', 'class 1')


def test_wrappers_and_nested_heads_are_looked_into(tmp_path):
    assert evaluated_dataset(_cfg(tmp_path, ['a']))['type'] == 'BaseDataset'
    assert num_classes(dict(roi_head=dict(bbox_head=[dict(num_classes=7), dict(num_classes=8)]))) == 7
    assert num_classes(dict(backbone=dict(depth=3))) is None
