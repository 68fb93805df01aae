"""Class names and numbers in configs of mmdet that read one's own data, compared before anything is built."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mmengine.config import Config

from eva_mm.apis.errors import UserError
from eva_mm.datasets.own.classes_of_model import dicts
from eva_mm.datasets.own.coco import read_coco
from eva_mm.safe_io.printed import shown


def _own_classes(cfg: Config, loaders: tuple[str, ...]) -> Iterator[tuple[str, Mapping[str, Any], list[str]]]:
    """Loaders whose data set is COCO's with names in the config, these data sets, and the names."""
    for loader in loaders:
        for node in dicts(cfg.get(loader) or {}):
            classes = (node.get('metainfo') or {}).get('classes') if isinstance(node.get('metainfo'), Mapping) else None
            if str(node.get('type')).endswith('CocoDataset') and isinstance(classes, (list, tuple)):
                yield loader, node, list(classes)


def check_class_names(cfg: Config, loaders: tuple[str, ...]) -> None:
    """Compare the names of classes that a config lists with the annotation file, and their number with the heads.

    mmdet takes names that are not in the file for classes without objects, and finds out about a head of another number
    in the first validation.

    Raises:
        UserError: A name is not in the file, or no head has the number of classes.
    """
    for loader, dataset, classes in _own_classes(cfg, loaders):
        file = Path(dataset.get('data_root') or '') / str(dataset.get('ann_file'))
        if not file.is_file():
            continue
        names = [category.get('name') for category in read_coco(file)[0]['categories']]
        if unknown := [name for name in classes if name not in names]:
            raise UserError(
                f'{loader} lists the class {shown(unknown[0])}, which is not in {file}: it has {shown(names, 200)}; '
                'write the names as the file does, capitals included.'
            )
        numbers = {node['num_classes'] for node in dicts(cfg.model) if isinstance(node.get('num_classes'), int)}
        numbers |= {node['num_things_classes'] for node in dicts(cfg.model) if 'num_things_classes' in node}
        if numbers and len(classes) not in numbers:
            raise UserError(
                f'{loader} lists {len(classes)} classes, and the heads of the model have {sorted(numbers)}: set '
                f'num_classes={len(classes)} in each, or let --data-root do it.'
            )
