"""From a config file and command-line options to the config that is run."""

from collections.abc import Iterator
from inspect import signature
from pathlib import Path
from typing import Any

from mmengine.config import Config, ConfigDict
from mmengine.runner import FlexibleRunner

from eva_mm.apis.errors import UserError
from eva_mm.apis.model_index import find_model
from eva_mm.apis.own_data import use_data_root

_FOLDER = 'local-dir:'  # open_clip's mark of a model in a folder
_LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')


def _datasets(dataset: ConfigDict, where: str) -> Iterator[tuple[str, ConfigDict]]:
    """A data set and those that it wraps, each with its place in the config."""
    yield where, dataset
    if isinstance(dataset.get('dataset'), dict):
        yield from _datasets(dataset.dataset, f'{where}.dataset')
    for index, inner in enumerate(dataset.get('datasets') or ()):
        yield from _datasets(inner, f'{where}.datasets.{index}')


def _loaders(cfg: Config, names: tuple[str, ...]) -> Iterator[tuple[str, ConfigDict]]:
    for name in names:
        loader = cfg.get(name)
        for index, one in enumerate(loader if isinstance(loader, (list, tuple)) else [loader]):
            if one:
                yield (name if one is loader else f'{name}.{index}'), one


def check_data_folders(cfg: Config, loaders: tuple[str, ...] = _LOADERS) -> None:
    """Find a missing data folder or annotation file before anything is built.

    Raises:
        UserError: A ``data_root`` or ``ann_file`` of one of the loaders does not exist.
    """
    for name, loader in _loaders(cfg, loaders):
        for where, dataset in _datasets(loader.dataset, f'{name}.dataset'):
            root = dataset.get('data_root')
            if root and '://' not in str(root) and not Path(root).exists():
                raise UserError(
                    f'The data folder {root!r} of {where} does not exist: make it, or point to yours with '
                    f'--cfg-options {where}.data_root=DIR.'
                )
            ann_file = dataset.get('ann_file')
            if isinstance(ann_file, str) and ann_file and '://' not in ann_file:
                path = Path(root or '') / ann_file
                if not path.exists():
                    raise UserError(
                        f'The annotation file {str(path)!r} of {where} does not exist: make it, or point to yours '
                        f'with --cfg-options {where}.ann_file=FILE.'
                    )


def _starting_weights(part: object, where: str) -> Iterator[tuple[str, str]]:
    """Local files and folders that the parts of a model start from, each with its key in the config."""
    for name, value in part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ():
        key = f'{where}.{name}'
        if key.endswith('init_cfg.checkpoint') and isinstance(value, str) and ':' not in value:
            yield key, value
        elif key.endswith('target_generator.model') and str(value).startswith(_FOLDER):
            yield key, value.removeprefix(_FOLDER)
        else:
            yield from _starting_weights(value, key)


def check_starting_weights(cfg: Config) -> None:
    """Find missing weights of a backbone, or a missing CLIP teacher, before training starts.

    Raises:
        UserError: A local file or folder that the model starts from does not exist.
    """
    for key, path in _starting_weights(cfg.model, 'model'):
        if not Path(path).exists():
            raise UserError(
                f'The weights {path!r} of {key} do not exist: train or download them first, or point to yours with '
                f'--cfg-options {key}=PATH.'
            )


# what mmengine's runners read of a config beside their own arguments
_READ_BY_RUNNERS = (
    'activation_checkpointing', 'compile', 'detect_anomalous_params', 'efficient_conv_bn_eval',
    'find_unused_parameters', 'long_run', 'model_wrapper_cfg', 'sync_bn',
)  # fmt: skip
# of these, what a strategy does not read: it has arguments of its own
_NOT_OF_A_STRATEGY = {*_READ_BY_RUNNERS} - {'long_run'}


def _reject_unknown_keys(cfg: Config, options: dict) -> None:
    """Refuse ``--cfg-options`` whose first key nothing reads: it would change nothing."""
    known = {*cfg, *_READ_BY_RUNNERS, 'custom_imports', *signature(FlexibleRunner.__init__).parameters} - {
        'self',
        'cfg',
    }
    for key in options:
        if key.split('.')[0] not in known:
            raise UserError(
                f'--cfg-options names {key!r}, but the config has no key {key.split(".")[0]!r}: '
                f'it has {", ".join(sorted(cfg))}.'
            )


def _reject_without_effect(cfg: Config) -> None:
    ignored = sorted(key for key in _NOT_OF_A_STRATEGY if cfg.get(key)) if cfg.get('strategy') else []
    if ignored:
        raise UserError(f'{ignored[0]} has no effect with a strategy: use the arguments of {cfg.strategy.type}.')


def _replacing(cfg: Config, key: str, value: Any) -> Any:
    """A dict that takes the place of something else says so in mmengine's terms."""
    if not isinstance(value, dict):
        return value
    node: Any = cfg
    for part in key.split('.'):
        node = node.get(part, {}) if isinstance(node, dict | Config) else {}
    return value if isinstance(node, dict) else {**value, '_delete_': True}


def load_config(
    path: str,
    *,
    cfg_options: dict[str, Any] | None = None,
    work_dir: str | None = None,
    data_root: str | None = None,
) -> Config:
    """Read a config file and apply the options that every command shares.

    A config may name its own directory of data, as those of ``eva-mm new-config`` do: ``own_data = 'DIR'``.

    Args:
        path: Config file of any host with EVA in it, or the name of a shipped one (:func:`find_model`).
        cfg_options: Keys to override, ``{'a.b': value}``.
        work_dir: Directory of logs and results.
        data_root: Directory of a user's own data.

    Returns:
        The config, with ``work_dir`` set: the option, the config's own, or ``work_dirs/<name of the file>``.

    Raises:
        UserError: There is no such file or name, it is not a Python config, or an option names an unknown key.
    """
    file = Path(path) if Path(path).is_file() else find_model(path).config
    if file.suffix != '.py':
        raise UserError(f'{path} is not a Python config; pass a .py file.')
    cfg = Config.fromfile(file)
    _reject_unknown_keys(cfg, cfg_options or {})
    data_root = data_root or cfg.get('own_data')
    if data_root:
        print(f'{data_root}: {use_data_root(cfg, data_root)}', flush=True)
    cfg.merge_from_dict({key: _replacing(cfg, key, value) for key, value in (cfg_options or {}).items()})
    _reject_without_effect(cfg)
    if work_dir:
        cfg.work_dir = work_dir
    elif not cfg.get('work_dir'):
        cfg.work_dir = str(Path('work_dirs') / file.stem)
    return cfg
