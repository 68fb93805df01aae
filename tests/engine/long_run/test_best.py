"""The best checkpoint is kept in every task, by the metric of its validation."""

from pathlib import Path

import pytest
from mmengine.config import Config

from eva_mm.engine.long_run.best import best_metric
from eva_mm.engine.long_run.defaults import add_long_run

NANO = Path(__file__).parents[3] / 'configs' / 'nano'
EXPECTED = {
    'classification': 'accuracy/top1',
    'classification_linear': 'accuracy/top1',
    'clip': 'zero-shot/top1',
    'detection': 'coco/segm_mAP',
    'detection_lvis': 'lvis/segm_AP',
    'pretrain': 'mim/loss',
    'pretrain_deepspeed': 'mim/loss',
    'segmentation': 'mIoU',
    # mmaction2's own choice: the first metric, which is top-1
    'video': 'auto',
}


@pytest.mark.parametrize('name', EXPECTED)
def test_every_task_keeps_its_best(name):
    cfg = Config.fromfile(NANO / f'{name}.py')
    add_long_run(cfg)
    hook = cfg.default_hooks.checkpoint
    assert hook.save_best == EXPECTED[name]
    assert hook.get('rule', 'greater') == ('less' if name.startswith('pretrain') else 'greater')


@pytest.mark.parametrize(
    'evaluator, best',
    [
        (dict(type='CocoMetric', metric='bbox'), 'coco/bbox_mAP'),
        (dict(type='CocoMetric'), 'coco/bbox_mAP'),
        (dict(type='mmdet.CocoMetric', metric=['bbox', 'segm']), 'coco/segm_mAP'),
        ([dict(type='IoUMetric', iou_metrics=['mDice']), dict(type='Other')], 'mDice'),
        (dict(type='Accuracy', topk=(3, 5)), None),
        (dict(type='Accuracy', prefix='mine'), None),
        (dict(type='Unknown'), None),
    ],
)
def test_it_follows_what_is_measured(evaluator, best):
    cfg = Config(dict(val_evaluator=evaluator, val_dataloader=dict(batch_size=1)))
    assert best_metric(cfg).get('save_best') == best
    cfg.val_dataloader = None
    assert best_metric(cfg) == {}
