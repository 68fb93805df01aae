"""Loading whole models: of our runs, of hosts, or any released EVA file, never silently in part."""

from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from torch import nn

from eva_mm.apis.errors import UserError
from eva_mm.checkpoint import load_model, read_checkpoint
from eva_mm.checkpoint.convert import unwrap


def _load_as_it_is(model: nn.Module, weights: dict, checkpoint: str) -> str:
    result = model.load_state_dict(weights, strict=False)
    if result.missing_keys or result.unexpected_keys:
        raise UserError(
            f'{checkpoint} does not fit {type(model).__name__}: it lacks {len(result.missing_keys)} weights '
            f'({", ".join(result.missing_keys[:3])}) and has {len(result.unexpected_keys)} others '
            f'({", ".join(result.unexpected_keys[:3])}); give a checkpoint of this config.'
        )
    return f'loaded {len(weights)} weights from {checkpoint}'


def load_weights(model: nn.Module, checkpoint: str) -> None:
    """Load a checkpoint into a model built from a config.

    Models with an EVA backbone take every file that :func:`eva_mm.checkpoint.convert_state_dict` knows, others a
    checkpoint of their own. What was done is logged.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is no checkpoint, an unsafe one, or one of another model.
    """
    model = model.module if is_model_wrapper(model) else model
    weights, own = unwrap(read_checkpoint(checkpoint)), model.state_dict()
    task = getattr(getattr(model, 'backbone', model), 'checkpoint_task', None)
    # a plain EVA backbone may stand in the model of another task: its own checkpoints need no conversion
    fits = weights.keys() == own.keys() and all(weights[name].shape == own[name].shape for name in own)
    report = load_model(model, checkpoint, task) if task and not fits else _load_as_it_is(model, weights, checkpoint)
    print_log(str(report), logger='current')


class LoadWeightsHook(Hook):
    """Load weights after a runner initialised its model and before anything is trained.

    mmengine's own ``load_from`` skips what does not fit without an error.

    Args:
        checkpoint: As for :func:`load_weights`.
    """

    priority = 'VERY_HIGH'

    def __init__(self, checkpoint: str) -> None:
        self.checkpoint = checkpoint

    def before_train(self, runner: Runner) -> None:
        """Load them."""
        load_weights(runner.model, self.checkpoint)
