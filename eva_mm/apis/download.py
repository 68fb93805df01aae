"""Released weights by the name of a model or of their file, from the hub into a folder."""

import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from eva_mm.apis.errors import UserError
from eva_mm.apis.model_index import ModelInfo, model_index, weights_folder
from eva_mm.safe_io.hub import HubFile, fetch, find_file, is_hub_address, repository_of, sha256_of


@dataclass(frozen=True)
class Download:
    """A file that was downloaded.

    Attributes:
        path: Where it lies.
        address: Where it comes from.
        sha256: Its checksum.
        expected: The checksum of its metafile; ``None`` if that has none, and only the hub's own was compared.
        models: Names of the models that it is of.
    """

    path: Path
    address: HubFile
    sha256: str
    expected: str | None
    models: tuple[str, ...]


def _released(name: str) -> list[ModelInfo]:
    """The models of a name, or those that a released file is of.

    Raises:
        UserError: There are none, or nothing was released for them.
    """
    models = model_index()
    found = [models[name]] if name in models else [info for info in models.values() if info.weights == name]
    if not found:
        files = [info.weights for info in models.values() if info.weights]
        near = ' or '.join(get_close_matches(name, [*models, *files], n=3, cutoff=0.3))
        raise UserError(
            f'{name} is neither a model, nor a released file, nor a hf:// address: '
            f'{f"did you mean {near}? " if near else ""}eva-mm list shows models and files.'
        )
    if not found[0].weights:
        raise UserError(f'No weights were released for {name}.')
    return found


def download(name: str, folder: str | os.PathLike | None = None) -> Download:
    """Get a released file from the hub, once, and put it where models are looked for by name.

    The file stays in the hub's cache, too; on one file system it takes its room once.

    Args:
        name: A model, such as ``'eva-l-p14_in1k-196px'``; a released file; or ``hf://OWNER/REPOSITORY/FILE``.
        folder: Default: ``EVA_MM_WEIGHTS`` of the environment, else ``./checkpoints``.

    Raises:
        UserError: Unknown name, or no file was released.
        FileExistsError: Another file of that name lies there.
        OSError, ValueError: It cannot be had, or is damaged.
    """
    if is_hub_address(name):
        address = HubFile.parse(name)
        weights = address.path.rpartition('/')[2]
        infos = [info for info in model_index().values() if info.weights == weights]
        infos = [info for info in infos if repository_of(info.hub) == address.repository]
    else:
        infos = _released(name)
        repository = repository_of(infos[0].hub)
        if repository is None:
            raise UserError(f'{infos[0].weights} is not on the hub: get it from {infos[0].hub}.')
        address = find_file(repository, str(infos[0].weights))
    source = fetch(address)
    found, expected = sha256_of(source), next((info.sha256 for info in infos if info.sha256), None)
    if expected and found != expected.lower():
        raise ValueError(f'{address} is another file than expected: SHA-256 {found}, its metafile says {expected}.')
    path = weights_folder(folder) / source.name
    _place(source.resolve(), path, found)
    return Download(path, address, found, expected, tuple(info.name for info in infos))


def _place(source: Path, path: Path, sha256: str) -> None:
    if path.exists():
        if path.samefile(source) or sha256_of(path) == sha256:
            return
        raise FileExistsError(f'{path} exists and is another file: remove it or give another --out-dir.')
    path.parent.mkdir(parents=True, exist_ok=True)
    with suppress(OSError):
        os.link(source, path)
        return
    part = path.with_name(f'.{path.name}.part')
    try:
        shutil.copyfile(source, part)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
