"""How many iterations a step of the optimizer takes, and where no gradients are under way."""

from collections.abc import Mapping
from typing import Any


def accumulated_iterations(runner: Any) -> int:
    """Iterations whose gradients one step uses, under a plain runner or DeepSpeed."""
    engine_config = getattr(getattr(runner, 'strategy', None), 'config', None)
    if engine_config:
        return int(engine_config.get('gradient_accumulation_steps', 1))
    return int(getattr(runner.optim_wrapper, '_accumulative_counts', 1))


def configured_accumulation(cfg: Mapping) -> int:
    """The same of a config, before a runner has built its optimizer."""
    strategy, wrapper = cfg.get('strategy') or {}, cfg.get('optim_wrapper') or {}
    inner = strategy.get('config')
    options = {**(inner if isinstance(inner, Mapping) else {}), **strategy}
    return int(options.get('gradient_accumulation_steps') or wrapper.get('accumulative_counts') or 1)


def is_between_steps(runner: Any, iteration: int) -> bool:
    """Whether the optimizer has used all gradients of the first ``iteration`` iterations."""
    return iteration % accumulated_iterations(runner) == 0 or iteration >= runner.max_iters
