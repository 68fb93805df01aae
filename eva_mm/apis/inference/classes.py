"""What the classes of a model are called, and their colours."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.registry import DATASETS
from torch import nn

from eva_mm.apis.errors import UserError
from eva_mm.safe_io.files import read_lines


def innermost(dataset: Mapping[str, Any]) -> Mapping[str, Any]:
    """The first data set inside all wrappers."""
    while True:
        if 'dataset' in dataset:
            dataset = dataset['dataset']
        elif dataset.get('datasets'):
            dataset = dataset['datasets'][0]
        else:
            return dataset


def evaluated_loader(cfg: Config) -> Mapping[str, Any]:
    """Config of the loader that a config tests with, or else validates with.

    Raises:
        UserError: It has neither.
    """
    loader = cfg.get('test_dataloader') or cfg.get('val_dataloader')
    if not loader:
        raise UserError('The config has neither test_dataloader nor val_dataloader, so there is no test pipeline.')
    return loader[0] if isinstance(loader, (list, tuple)) else loader


def evaluated_dataset(cfg: Config) -> Mapping[str, Any]:
    """Config of the data set of :func:`evaluated_loader`."""
    return innermost(evaluated_loader(cfg)['dataset'])


def num_classes(node: Any) -> int | None:
    """The first ``num_classes`` of a head in the config of a model."""
    if isinstance(node, Mapping):
        if 'num_classes' in node:
            return node['num_classes']
        node = node.values()
    elif not isinstance(node, (list, tuple)):
        return None
    return next((found for found in map(num_classes, node) if found is not None), None)


def _metas(cfg: Config, model: nn.Module) -> Iterator[Mapping[str, Any]]:
    """What may know the classes, the nearest to the weights first."""
    yield model._dataset_meta
    dataset = evaluated_dataset(cfg)
    yield dataset.get('metainfo') or {}
    # a plain look-up would ask mmengine's own registry, and not the host's
    with DATASETS.switch_scope_and_registry(cfg.get('default_scope')) as registry:
        yield getattr(registry.get(dataset['type']), 'METAINFO', {})


def _names(classes: Any) -> tuple[str, ...]:
    """Names as they are, or from a file with one a line; none if there is no such file."""
    if isinstance(classes, str):
        path = Path(classes)
        classes = read_lines(path) if path.is_file() else ()
    return tuple(map(str, classes or ()))


def class_names(cfg: Config, model: nn.Module) -> tuple[str, ...]:
    """Names of the classes: of the checkpoint, of the config, or of its data set, whichever is of the head's number.

    Numbers where nobody knows names; none for a model without classes.
    """
    heads = {key: value for key, value in cfg.model.items() if key.endswith('head')}
    count = num_classes(heads)
    if count is None:
        return ()
    for meta in _metas(cfg, model):
        names = _names(meta.get('classes'))
        if len(names) == count:
            return names
    return tuple(f'class {label}' for label in range(count))


def class_palette(cfg: Config, model: nn.Module, count: int) -> list[tuple[int, int, int]]:
    """A colour (R, G, B) for each class: of the same sources, or as different hues as there are classes."""
    from eva_mm.datasets.own.segmentation import distinct_colours

    palettes = (meta.get('palette') for meta in _metas(cfg, model))
    fitting = (palette for palette in palettes if isinstance(palette, (list, tuple)) and len(palette) == count)
    return [tuple(colour) for colour in next(fitting, None) or distinct_colours(count)]
