"""The model card of a published file: README.md with the front matter that the Hugging Face hub reads."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mmengine.config import Config

from eva_mm.apis.model_index import model_index
from eva_mm.apis.plain_config import read_plain_config
from eva_mm.licences import LICENCES, Licence, licence_of
from eva_mm.safe_io.files import read_text
from eva_mm.safe_io.hub import HubFile, hub, one_line_errors, repository_of
from eva_mm.safe_io.printed import printable
from eva_mm.tasks import task_of

# what the hub calls metrics of the hosts
_METRICS = {
    'accuracy/top1': 'accuracy', 'acc/top1': 'accuracy', 'mIoU': 'mean_iou',
    'coco/bbox_mAP': 'mean_average_precision', 'lvis/bbox_AP': 'mean_average_precision',
}  # fmt: skip
_TIMES = ('time', 'data_time', 'step')
_SHOWN_CLASSES = 100


def validation_results(run: str | Path, meta: Mapping[str, Any]) -> dict[str, float]:
    """What the validation of a checkpoint logged; empty if the run has no validation at its epoch or iteration.

    Args:
        run: Work dir, or a checkpoint in it.
        meta: ``epoch`` and ``iter`` of the checkpoint.
    """
    run = Path(run)
    folder = run if (run / 'last_checkpoint').exists() or not run.exists() else run.parent
    results: dict[str, float] = {}
    for log in sorted(folder.glob('*/vis_data/scalars.json')):
        for line in read_text(log).splitlines():
            record = json.loads(line)
            if 'loss' in record or 'lr' in record or record.get('step') not in (meta.get('epoch'), meta.get('iter')):
                continue
            numbers = {name: value for name, value in record.items() if isinstance(value, (int, float))}
            results.update({name: value for name, value in numbers.items() if name not in _TIMES})
    return results


def _archs(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        arch = node.get('arch')
        arch = arch.get('name') if isinstance(arch, dict) else arch
        if isinstance(arch, str):
            yield arch
        for value in node.values():
            yield from _archs(value)


def _released(started_from: list[str]) -> dict[str, str]:
    """Released files among those that a training started from, and the pages of their repositories."""
    pages = {info.weights: info.hub for info in model_index().values() if info.weights}
    names = {name: name.rpartition('/')[2] for name in started_from}
    return {name: pages[file] for name, file in names.items() if file in pages}


def _front_matter(
    meta: Mapping[str, Any], cfg: Config, arch: str, name: str, results: Mapping[str, float], licence: dict[str, str]
) -> str:
    library, task, data = hub(), task_of(cfg), _data_set(cfg)
    metrics = {_METRICS.get(metric, metric): value for metric, value in results.items()}
    evaluations = [
        library.EvalResult(
            task_type=task.hub_tag, dataset_type=data.lower(), dataset_name=data, metric_type=metric, metric_value=value
        )
        for metric, value in metrics.items()
    ]
    content = library.ModelCardData(
        library_name='eva_mm',
        pipeline_tag=task.hub_tag,
        tags=['vision-transformer', 'openmmlab', *([arch] if arch else [])],
        base_model=sorted(filter(None, map(repository_of, _released(meta.get('started_from') or []).values()))) or None,
        model_name=name if evaluations else None,
        eval_results=evaluations or None,
        **licence,
    )
    return content.to_yaml(line_break='\n')


def _data_set(cfg: Config) -> str:
    for part in ('val_dataloader', 'test_dataloader', 'train_dataloader'):
        data = (cfg.get(part) or {}).get('dataset') or {}
        if isinstance(data, dict) and isinstance(data.get('type'), str):
            return printable(data['type'].rpartition('.')[2])
    return 'unknown'


def _licence_fields(given: str | None, known: Licence | None) -> dict[str, str]:
    if given:
        return {'license': given}
    if not known:
        return {}
    if known.identifier == 'other':
        return {'license': 'other', 'license_name': known.name, 'license_link': known.source}
    return {'license': known.identifier}


def _licence_text(given: str | None, released: dict[str, str], arch: str, started: list[str]) -> str:
    sentences = [given or ('That of the weights it started from' if released else 'Not stated')]
    licences = {each.source: each for each in LICENCES}
    for name, page in released.items():
        terms = licences[page].name if page in licences else 'the terms of its page'
        sentences.append(f'{name} was released under {terms} ({page})')
    family = licence_of(arch)
    if started and not released and family:
        sentences.append(
            f'If {", ".join(started)} is, or descends from, a released file of {family.family}, the terms of that '
            f'are {family.name} ({family.source})'
        )
    return '. '.join(sentences) + '.'


def model_card(
    published: str | Path, meta: Mapping[str, Any], results: Mapping[str, float], licence: str | None = None
) -> str:
    """The text of a model card.

    Args:
        published: The file of weights.
        meta: What :func:`eva_mm.apis.publish.publish` returns.
        results: As of :func:`validation_results`.
        licence: Identifier that the hub knows, such as ``'apache-2.0'``. Default: that of the released weights that the
            training started from; none if it started from scratch.

    Raises:
        ModuleNotFoundError: huggingface_hub, which writes the front matter, is not installed.
    """
    cfg, name = read_plain_config(meta['cfg']), Path(published).name
    arch = next(_archs(cfg.model.to_dict()), '')
    started = meta.get('started_from') or []
    released = _released(started)
    known = next((each for each in LICENCES if each.source in released.values()), None)
    classes = [printable(str(each)) for each in meta['dataset_meta'].get('classes') or []]
    shown = ', '.join(classes[:_SHOWN_CLASSES]) + (
        f' and {len(classes) - _SHOWN_CLASSES} more' * (len(classes) > _SHOWN_CLASSES)
    )
    lines = '\n'.join(f'| {metric} | {value:.4g} |' for metric, value in results.items())
    found = f'Validation of the training run, on {_data_set(cfg)}.\n\n| Metric | Value |\n|---|---|\n{lines}'
    found = found if results else 'The run logged no validation of these weights.'
    task = task_of(cfg)
    rows = {
        'Task': task.name,
        'Model': printable(str(cfg.model.type)),
        'Backbone': printable(arch) or 'see the config in the file',
        'Started from': ', '.join(started) or 'random weights',
        'Trained for': f'{meta.get("epoch")} epochs, {meta.get("iter")} iterations',
        'Classes': f'{len(classes)}: {shown}' if classes else 'none',
        'Licence': _licence_text(licence, released, arch, started),
        'Written by': f'eva_mm {meta.get("eva_mm_version")}',
    }
    about = '\n'.join(f'| {key} | {value} |' for key, value in rows.items())
    return f"""---
{_front_matter(meta, cfg, arch, Path(published).stem, results, _licence_fields(licence, known)).strip()}
---

# {Path(published).stem}

| | |
|---|---|
{about}

## Results

{found}

## Use

```python
from eva_mm.apis import build_inferencer

look = build_inferencer('{name}')  # the file carries its config and class names; no code of it is run
for result in look('image.jpg'):
    print(result.prediction)
```

or `eva-mm infer {name} image.jpg`.
"""


def check_card(path: Path) -> None:
    """Make sure, before long work, that a card can be written there.

    Raises:
        FileExistsError: There is such a file.
        ModuleNotFoundError: huggingface_hub is not installed.
    """
    hub()
    if path.exists():
        raise FileExistsError(f'{path} exists and is not overwritten: remove it or give another name after --card.')


def write_card(path: Path, published: Path, run: str | Path, meta: Mapping[str, Any], licence: str | None) -> int:
    """Write the card of a published file, and tell how many results it has; see :func:`model_card`."""
    results = validation_results(run, meta)
    path.write_text(model_card(published, meta, results, licence), encoding='utf-8')
    return len(results)


def push(repository: str, published: Path, card: Path, private: bool = False) -> str:
    """Upload a published file and its card in one commit; the repository is made if it does not exist.

    Args:
        repository: ``'OWNER/REPOSITORY'``.
        published: The file of weights.
        card: Its card, which becomes ``README.md``.
        private: Whether a repository that is made is private.

    Returns:
        The address of the file, which loads wherever a checkpoint is expected.

    Raises:
        OSError: The hub refuses it or cannot be reached.
    """
    library = hub()
    with one_line_errors(f'hf://{repository}'):
        api = library.HfApi()
        api.create_repo(repository, private=private, exist_ok=True)
        files = {published.name: published, 'README.md': card}
        operations = [library.CommitOperationAdd(name, str(path)) for name, path in files.items()]
        api.create_commit(repository, operations, commit_message=f'{published.name}, written by eva_mm')
    return str(HubFile(repository, published.name))
