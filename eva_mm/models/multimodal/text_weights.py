"""Weights of a text tower from the files in which CLIPs are published."""

import os

from torch import Tensor, nn

from eva_mm.checkpoint import Checkpoint
from eva_mm.checkpoint.torchscript import is_torchscript, read_torchscript
from eva_mm.safe_io.printed import printable
from eva_mm.safe_io.weights import value_problem

# of a whole CLIP whose text tower is not a module of its own (OpenAI, open_clip's plain models)
_TEXT_NAMES = ('token_embedding.', 'positional_embedding', 'transformer.', 'ln_final.', 'text_projection')


def text_state_dict(checkpoint: dict[str, Tensor]) -> dict[str, Tensor]:
    """The weights of the text tower, named as in open_clip's ``TextTransformer``, from those of a whole CLIP.

    Args:
        checkpoint: Weights of a CLIP of OpenAI, of open_clip or of EVA, or of a text tower alone.

    Raises:
        ValueError: It holds no text tower.
    """
    if any(name.startswith('text.') for name in checkpoint):
        checkpoint = {name.removeprefix('text.'): w for name, w in checkpoint.items() if name.startswith('text.')}
    weights = {name: weight for name, weight in checkpoint.items() if name.startswith(_TEXT_NAMES)}
    if not weights:
        raise ValueError(
            f'The checkpoint holds no text tower: its weights are {printable(", ".join(sorted(checkpoint)[:4]))}, ...; '
            'give a CLIP of OpenAI, of open_clip or of EVA.'
        )
    return weights


def _read(path: str | os.PathLike) -> dict[str, Tensor]:
    # OpenAI publishes TorchScript archives
    return read_torchscript(path) if is_torchscript(path) else Checkpoint.open(path).weights


def load_text_tower(tower: nn.Module, path: str | os.PathLike, projection: bool = True) -> str:
    """Start a text tower from that of another CLIP.

    The projection is taken only if it leads to as many channels: EVA-CLIP-g projects to 1024, OpenAI's CLIP-L, which
    its text tower starts from, to 768. The logit scale is not taken.

    Args:
        tower: open_clip's ``TextTransformer``.
        path: A file of ``torch.save``, safetensors, or OpenAI's TorchScript archive.
        projection: Whether the projection is taken where it fits; the release's recipes with other towers start anew.

    Returns:
        A sentence that says what was taken.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is of another architecture or holds no text tower.
    """
    if not os.path.isfile(path):
        raise FileNotFoundError(f'There is no checkpoint {path} for the text tower: give a CLIP, or init_cfg=None.')
    weights = text_state_dict(_read(path))
    target = tower.state_dict()
    own = weights.get('text_projection')
    if own is not None and (not projection or own.shape != target['text_projection'].shape):
        del weights['text_projection']
    wrong = [name for name, weight in weights.items() if name not in target or weight.shape != target[name].shape]
    if wrong:
        shape = tuple(target[wrong[0]].shape) if wrong[0] in target else 'no such weight'
        there = tuple(weights[wrong[0]].shape)
        raise ValueError(
            f'The text tower in {path} has another architecture: {printable(wrong[0], 80)} is {there} '
            f'there, here it is {shape}; give context_length, width and layers of the file.'
        )
    if problem := value_problem(weights, target):
        raise ValueError(f'The text tower in {path} cannot be used: {problem}.')
    tower.load_state_dict(weights, strict=False)
    kept = sorted(set(target) - set(weights))
    return f'Text tower: {len(weights)} weights from {path}; initial values: {", ".join(kept)}.'
