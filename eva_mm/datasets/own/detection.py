"""A detection config for a folder of one's own."""

from collections.abc import Mapping, MutableMapping
from pathlib import Path

from eva_mm.datasets.own.classes_of_model import dicts, set_num_classes
from eva_mm.datasets.own.coco import CocoSummary, inspect_coco
from eva_mm.datasets.own.coco_folders import CocoSplit, divide_coco, find_coco_split, find_coco_whole

_MASK_HEAD = ('mask_head', 'mask_roi_extractor')


def _has_masks(cfg: Mapping) -> bool:
    """Whether the model has a mask head of a usual name, or its training pipeline loads masks for whatever head."""
    steps = list(dicts(cfg.get('train_dataloader') or {}))
    loads = any(step.get('with_mask') or str(step.get('type')).endswith('LoadPolygons') for step in steps)
    return loads or any(node.get(head) for node in dicts(cfg['model']) for head in ('mask_head', 'panoptic_head'))


def _drop_masks(cfg: MutableMapping) -> bool:
    """Make a config of boxes of one with a mask head beside its box heads; whether that could be done."""
    model = cfg['model']
    heads = [node for node in dicts(model) if node.get('mask_head')]
    if not heads or any('bbox_head' not in node for node in heads):
        return False
    for head in heads:
        for key in _MASK_HEAD:
            head.pop(key, None)
    for node in dicts(model):
        node.pop('maskness_thr', None)
    for node in dicts([cfg.get(f'{loader}_dataloader') for loader in ('train', 'val', 'test')]):
        if str(node.get('type')).endswith('LoadPolygons'):
            node.clear()
            node.update(type='LoadAnnotations', with_bbox=True)
        if 'with_mask' in node:
            node['with_mask'] = False
    for evaluator in ('val_evaluator', 'test_evaluator'):
        for node in dicts(cfg.get(evaluator) or {}):
            if 'metric' in node:
                node['metric'] = 'bbox'
    for hook in dicts(cfg.get('default_hooks') or {}):
        if isinstance(hook.get('save_best'), str):
            hook['save_best'] = hook['save_best'].replace('segm', 'bbox')
    return True


def _point_to(dataset: MutableMapping, root: Path, found: CocoSplit, classes: tuple[str, ...]) -> None:
    for node in dicts(dataset):
        if 'ann_file' in node:
            if not str(node.get('type', '')).endswith('CocoDataset'):
                raise ValueError(
                    f'The config reads {node.get("type")}, and {root} is a folder in the format of COCO: '
                    'take a config of COCO.'
                )
            node.update(
                data_root=str(root),
                ann_file=found.ann_file,
                data_prefix=dict(img=found.image_folder),
                metainfo=dict(classes=classes),
            )


def _splits(root: Path) -> tuple[dict[str, CocoSplit], str]:
    """The two splits of a folder, and a sentence if one of them was made."""
    train, val = (find_coco_split(root, split) for split in ('train', 'val'))
    if train is not None and val is not None:
        return {'train': train, 'val': val}, ''
    whole = find_coco_whole(root)
    return divide_coco(
        root, whole
    ), f'{whole.ann_file} is all there is: every tenth image was put aside for validation.'


def point_to_coco_folder(cfg: MutableMapping, data_root: str | Path) -> dict[str, CocoSummary]:
    """Point a detection config to a folder with COCO-format annotations of its own classes.

    Sets the folders, files and class names of all loaders and metrics, and the number of classes in every head. Of a
    folder with one annotation file every tenth image validates. Where objects have no masks a mask head is dropped.

    Args:
        cfg: A config of mmdet whose data sets are ``CocoDataset``; changed in place.
        data_root: The folder, see :func:`eva_mm.datasets.own.coco_folders.find_coco_split`.

    Returns:
        What the annotation files of ``'train'`` and ``'val'`` hold, and in remarks what was changed.

    Raises:
        FileNotFoundError, ValueError: As :func:`eva_mm.datasets.own.coco.inspect_coco`, or the classes of the
            splits differ, or the config is not of COCO.
    """
    root = Path(data_root)
    splits, remark = _splits(root)
    remarks = [remark] if remark else []
    with_masks = _has_masks(cfg)
    summaries = {}
    for split, found in splits.items():
        summaries[split] = inspect_coco(root / found.ann_file, root / found.image_folder)
    if with_masks and not all(summary.has_masks for summary in summaries.values()) and _drop_masks(cfg):
        remarks.append('Objects without masks: the mask head is left out, boxes alone are trained and tested.')
        with_masks = False
    if with_masks:
        for split, found in splits.items():
            inspect_coco(root / found.ann_file, None, with_masks, evaluated=split == 'val')
    train, val = summaries['train'], summaries['val']
    if train.classes != val.classes:
        odd = sorted(set(train.classes) ^ set(val.classes))
        raise ValueError(
            f'{train.ann_file} and {val.ann_file} have other classes or another order of their ids'
            f'{f", for instance {odd[0]!r}" if odd else ""}: give both the same list of categories.'
        )
    set_num_classes(cfg['model'], len(train.classes))
    for loader, split in (('train_dataloader', 'train'), ('val_dataloader', 'val'), ('test_dataloader', 'val')):
        if cfg.get(loader):
            _point_to(cfg[loader]['dataset'], root, splits[split], train.classes)
    for evaluator in ('val_evaluator', 'test_evaluator'):
        for node in dicts(cfg.get(evaluator) or {}):
            if 'ann_file' in node:
                node['ann_file'] = str(val.ann_file)
                if str(node.get('type', '')).endswith('CocoMetric'):
                    node.setdefault('classwise', True)
    train.remarks += remarks
    return summaries


def use_coco_folder(cfg: MutableMapping, root: str | Path) -> str:
    """As :func:`point_to_coco_folder`; returns what was found, for the log."""
    return '\n'.join(f'{split}: {found}' for split, found in point_to_coco_folder(cfg, root).items())
