"""A detection config for a folder of one's own."""

from collections.abc import MutableMapping
from pathlib import Path

from eva_mm.datasets.own.classes_of_model import dicts, set_num_classes
from eva_mm.datasets.own.coco import CocoSummary, find_coco_split, inspect_coco


def _point_to(dataset: MutableMapping, root: Path, split: str, classes: tuple[str, ...]) -> None:
    found = find_coco_split(root, split)
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


def point_to_coco_folder(cfg: MutableMapping, data_root: str | Path) -> dict[str, CocoSummary]:
    """Point a detection config to a folder with COCO-format annotations of its own classes.

    Sets the folders, files and class names of all loaders and metrics, and the number of classes in every head. A
    folder without validation annotations is refused.

    Args:
        cfg: A config of mmdet whose data sets are ``CocoDataset``; changed in place.
        data_root: The folder, see :func:`eva_mm.datasets.own.coco.find_coco_split`.

    Returns:
        What the annotation files of ``'train'`` and ``'val'`` hold.

    Raises:
        FileNotFoundError, ValueError: As :func:`eva_mm.datasets.own.coco.inspect_coco`, or the classes of the
            splits differ, or the config is not of COCO.
    """
    root = Path(data_root)
    with_masks = any(node.get(head) for node in dicts(cfg['model']) for head in ('mask_head', 'panoptic_head'))
    summaries = {}
    for split in ('train', 'val'):
        found = find_coco_split(root, split)
        summaries[split] = inspect_coco(
            root / found.ann_file, root / found.image_folder, with_masks, evaluated=split == 'val'
        )
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
            _point_to(cfg[loader]['dataset'], root, split, train.classes)
    for evaluator in ('val_evaluator', 'test_evaluator'):
        for node in dicts(cfg.get(evaluator) or {}):
            if 'ann_file' in node:
                node['ann_file'] = str(val.ann_file)
                if str(node.get('type', '')).endswith('CocoMetric'):
                    node.setdefault('classwise', True)
    return summaries


def use_coco_folder(cfg: MutableMapping, root: str | Path) -> str:
    """As :func:`point_to_coco_folder`; returns what was found, for the log."""
    return '\n'.join(f'{split}: {found}' for split, found in point_to_coco_folder(cfg, root).items())
