"""``--log-to``: metrics to tensorboard, wandb or mlflow beside the local files."""

from collections.abc import Sequence
from importlib.util import find_spec

from mmengine.config import Config

from eva_mm.apis.errors import UserError

# name, which is also that of the package -> mmengine's backend
BACKENDS = {'tensorboard': 'TensorboardVisBackend', 'wandb': 'WandbVisBackend', 'mlflow': 'MLflowVisBackend'}


def log_to(cfg: Config, names: Sequence[str]) -> None:
    """Add backends to the visualizer of a config; those that it has already stay.

    Args:
        cfg: Changed in place.
        names: Keys of :data:`BACKENDS`.

    Raises:
        UserError: An unknown name, or its package is not installed.
    """
    for name in names:
        if name not in BACKENDS:
            raise UserError(f'--log-to got {name!r}: choose from {", ".join(BACKENDS)}.')
        if find_spec(name) is None:
            raise UserError(f'--log-to {name} needs the package {name}, which is not installed: pip install {name}.')
    visualizer = cfg.get('visualizer') or dict(type='Visualizer')
    backends = list(visualizer.get('vis_backends') or [dict(type='LocalVisBackend')])
    present = {backend['type'] for backend in backends}
    backends += [dict(type=BACKENDS[name]) for name in names if BACKENDS[name] not in present]
    cfg.visualizer = {**visualizer, 'vis_backends': backends}
