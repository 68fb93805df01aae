"""Which metric tells the best checkpoint of a run."""

from mmengine.config import Config

# evaluator -> its prefix, its metrics in the order in which they are preferred, and which value is better
_METRICS: dict[str, tuple[str, tuple[str, ...], str]] = {
    'Accuracy': ('accuracy/', ('top1',), 'greater'),
    'MultiLabelMetric': ('multi-label/', ('f1-score',), 'greater'),
    'CocoMetric': ('coco/', ('segm_mAP', 'bbox_mAP'), 'greater'),
    'LVISMetric': ('lvis/', ('segm_AP', 'bbox_AP'), 'greater'),
    'eva_mm.LVISMaxDetsMetric': ('lvis/', ('segm_AP', 'bbox_AP'), 'greater'),
    'IoUMetric': ('', ('mIoU', 'mDice', 'mFscore'), 'greater'),
    'AccMetric': ('acc/', ('top1',), 'greater'),
    'eva_mm.VideoAccuracy': ('acc/', ('top1',), 'greater'),
    'eva_mm.ZeroShotAccuracy': ('zero-shot/', ('top1',), 'greater'),
    'eva_mm.MIMLoss': ('mim/', ('loss',), 'less'),
}


def best_metric(cfg: Config) -> dict[str, str]:
    """Options of a checkpoint hook that keep the best checkpoint by the metric of the config's validation.

    Args:
        cfg: A whole config.

    Returns:
        ``save_best`` and ``rule``; empty where nothing is validated, or by an evaluator that is not known here.
    """
    given = cfg.get('val_evaluator')
    if not cfg.get('val_dataloader') or not given:
        return {}
    evaluator = given[0] if isinstance(given, list | tuple) else given
    kind = str(evaluator.get('type', ''))
    known = _METRICS.get(kind) or _METRICS.get(kind.split('.')[-1])
    if known is None or evaluator.get('prefix'):
        return {}
    prefix, metrics, rule = known
    wanted = evaluator.get('metric') or evaluator.get('iou_metrics')
    if wanted:
        wanted = [wanted] if isinstance(wanted, str) else wanted
        metrics = tuple(each for each in metrics if each.split('_')[0] in wanted)
    elif 'Coco' in kind or 'LVIS' in kind:
        metrics = metrics[-1:]
    elif kind == 'IoUMetric':
        metrics = metrics[:1]
    topk = evaluator.get('topk', 1)
    has_top1 = 1 in (topk if isinstance(topk, list | tuple) else (topk,))
    if not metrics or (metrics == ('top1',) and not has_top1):
        return {}
    return dict(save_best=prefix + metrics[0], rule=rule)
