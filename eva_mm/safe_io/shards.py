"""Safetensors in several files with an index, as transformers and accelerate write large models."""

import json
from pathlib import Path
from typing import Any

from eva_mm.safe_io.files import read_bytes
from eva_mm.safe_io.printed import printable
from eva_mm.safe_io.weights import read_weights

_SUFFIX = '.safetensors.index.json'


def index_of(path: Path) -> Path | None:
    """The index that a path names: itself, or the only one in a directory."""
    if path.name.endswith(_SUFFIX):
        return path
    found = sorted(path.glob(f'*{_SUFFIX}')) if path.is_dir() else []
    return found[0] if len(found) == 1 else None


def read_shards(index: Path) -> dict[str, Any]:
    """All weights that an index lists, from the files beside it.

    Raises:
        FileNotFoundError: A file is not there.
        ValueError: The index is damaged, names files elsewhere, or lists weights that their file lacks.
    """
    try:
        weight_map = json.loads(read_bytes(index))['weight_map']
        files = {name: str(file) for name, file in weight_map.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f'{index} is not an index of safetensors: copy or download it again.') from error
    weights: dict[str, Any] = {}
    for file in sorted(set(files.values())):
        if Path(file).name != file or not file.endswith('.safetensors'):
            raise ValueError(f'{index} names {printable(file, 100)!r}, which is not a safetensors file beside it.')
        content = read_weights(index.parent / file)
        content = content.get('state_dict', content)
        wanted = [name for name, where in files.items() if where == file]
        if lacking := [name for name in wanted if name not in content]:
            raise ValueError(f'{index.parent / file} lacks {printable(lacking[0], 100)}, which its index lists.')
        weights |= {name: content[name] for name in wanted}
    if not weights:
        raise ValueError(f'{index} lists no weights.')
    return weights
