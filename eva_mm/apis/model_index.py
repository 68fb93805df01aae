"""Names of models: what ``model-index.yml`` and the metafiles beside the configs say, and the nano configs."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from fnmatch import fnmatch
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from eva_mm.apis.errors import UserError
from eva_mm.shipped import shipped_root
from eva_mm.tasks import find_task

# where the released files are (README of the release), unless a metafile says otherwise
HUB = 'https://huggingface.co/BAAI/EVA'
WEIGHTS_VARIABLE = 'EVA_MM_WEIGHTS'
WEIGHTS_FOLDER = 'checkpoints'


@dataclass(frozen=True)
class ModelInfo:
    """One model.

    Attributes:
        name: What it is called: the name of its metafile, or its place among the configs without ``.py``.
        task: A name of :data:`eva_mm.tasks.TASKS`; empty for a config of one's own.
        config: Its config file.
        weights: Name of the released file; ``None`` if none was released.
        hub: Address of the folder that has it.
        sha256: Of the released file, where the metafile says so.
        metadata: ``Parameters`` and ``Training Data``, where a metafile says so.
        results: The published figures, as in the metafile.
    """

    name: str
    task: str
    config: Path
    weights: str | None = None
    hub: str = HUB
    sha256: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    results: tuple[Mapping[str, Any], ...] = ()


def _task(config: Path) -> str:
    """Task of a config by its place below ``configs``."""
    folder, *_ = config.parts
    return find_task(config.stem.split('_')[0] if folder == 'nano' else folder).name


def _of_metafile(entry: Mapping[str, Any], root: Path) -> ModelInfo:
    config = root / entry['Config']
    return ModelInfo(
        name=entry['Name'],
        task=_task(config.relative_to(root / 'configs')),
        config=config,
        weights=entry.get('Weights') and Path(entry['Weights']).name,
        hub=entry.get('Hub', HUB),
        sha256=entry.get('SHA256'),
        metadata=entry.get('Metadata') or {},
        results=tuple(entry.get('Results') or ()),
    )


@cache
def model_index() -> dict[str, ModelInfo]:
    """All models by name: those of the metafiles, and the nano configs as ``nano/NAME``."""
    root = shipped_root()
    models = {}
    for metafile in yaml.safe_load((root / 'model-index.yml').read_text())['Import']:
        for entry in yaml.safe_load((root / metafile).read_text())['Models']:
            models[entry['Name']] = _of_metafile(entry, root)
    for config in sorted((root / 'configs' / 'nano').glob('*.py')):
        name = f'nano/{config.stem}'
        models[name] = ModelInfo(name, _task(Path(name)), config)
    return models


def list_models(pattern: str | None = None, task: str | None = None) -> list[str]:
    """Names that :func:`eva_mm.apis.get_model` and :func:`eva_mm.apis.build_inferencer` take, sorted.

    Args:
        pattern: Only names that match this, with ``*`` and ``?`` as in file names; without either, names that
            contain it.
        task: Only models of this task, by a name or alias of :data:`eva_mm.tasks.TASKS`; features: those of all image
            tasks.

    Raises:
        UserError: Unknown task.
    """
    wanted = task and find_task(task).name
    pattern = pattern if pattern is None or set(pattern) & set('*?[') else f'*{pattern}*'
    return sorted(
        name
        for name, info in model_index().items()
        if (pattern is None or fnmatch(name, pattern))
        and (not wanted or info.task == wanted or (wanted == 'features' and info.task != 'video'))
    )


def find_model(name: str | os.PathLike) -> ModelInfo:
    """The model of a name, of a config file, or of a config's place below ``configs`` (``.py`` may be left out).

    Raises:
        UserError: There is no such name and no such file; the sentence has the nearest names.
    """
    text, models = os.fspath(name), model_index()
    if text in models:
        return models[text]
    below = shipped_root() / 'configs' / text.removeprefix('configs/')
    for path in (Path(text), below, below.with_name(f'{below.name}.py')):
        if path.suffix == '.py' and path.is_file():
            return _of_file(path)
    near = ' or '.join(get_close_matches(text, models, n=3, cutoff=0.3))
    raise UserError(
        f'Config not found: {text} is neither a config file nor the name of a model: '
        f'{f"did you mean {near}? " if near else ""}eva-mm list shows all names.'
    )


def _of_file(path: Path) -> ModelInfo:
    for info in model_index().values():
        if info.config.resolve() == path.resolve():
            return info
    return ModelInfo(str(path), '', path)


def weights_folder(weights_dir: str | os.PathLike | None = None) -> Path:
    """Where released files are: ``weights_dir``, else ``EVA_MM_WEIGHTS`` of the environment, else ``./checkpoints``."""
    return Path(weights_dir or os.environ.get(WEIGHTS_VARIABLE) or WEIGHTS_FOLDER)


def find_weights(info: ModelInfo, weights_dir: str | os.PathLike | None = None) -> Path:
    """The released file of a model in a local folder. Nothing is downloaded.

    Args:
        info: The model.
        weights_dir: As for :func:`weights_folder`.

    Raises:
        UserError: No file was released for this model.
        FileNotFoundError: It is not in the folder; the sentence names the file and where to get it.
    """
    if not info.weights:
        raise UserError(
            f'No weights were released for {info.name}: give a checkpoint that you trained with it, '
            f'for instance work_dirs/{info.config.stem}/epoch_1.pth.'
        )
    folder = weights_folder(weights_dir)
    path = folder / info.weights
    if not path.is_file():
        raise FileNotFoundError(
            f'{info.name} needs the released file {info.weights}, which is not in the folder {folder}: get it with '
            f'eva-mm download {info.name} (it is on {info.hub}), or name your folder with {WEIGHTS_VARIABLE} or '
            'weights_dir.'
        )
    return path
