"""What is trained, on what and for how long, in one line at the start."""

import time
from collections.abc import Sequence

from mmengine.dist import get_world_size
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from torch import nn

from eva_mm.engine.long_run.accumulation import accumulated_iterations
from eva_mm.engine.long_run.resumable_loops import GLOBAL_BATCH, global_batch
from eva_mm.registry import HOOKS


def _unwrap(model: nn.Module) -> nn.Module:
    while is_model_wrapper(model):
        model = model.module if hasattr(model, 'module') else model.model
    return getattr(model, 'module', model)


def _model(model: nn.Module) -> str:
    model = _unwrap(model)
    # ZeRO 3 leaves empty tensors behind and keeps their sizes
    sizes = [(getattr(weight, 'ds_numel', weight.numel()), weight.requires_grad) for weight in model.parameters()]
    total, trained = sum(size for size, _ in sizes), sum(size for size, grad in sizes if grad)
    inner = getattr(model, 'backbone', None)
    backbone = f' with {type(inner).__name__}' if isinstance(inner, nn.Module) else ''
    frozen = '' if trained == total else f' ({trained:,} trained)'
    return f'{type(model).__name__}{backbone}, {total:,} parameters{frozen}'


def _size(loader: object) -> str:
    try:
        return f'{len(loader.dataset):,}'
    except TypeError:
        return 'a stream of'


def _duration(seconds: float) -> str:
    for unit, name in ((86400, 'days'), (3600, 'hours'), (60, 'minutes')):
        if seconds >= 2 * unit:
            return f'{seconds / unit:.1f} {name}'
    return f'{seconds:.0f} seconds'


@HOOKS.register_module()
class RunSummaryHook(Hook):
    """One line before the first iteration, and the expected time once it is known.

    The first line has model, parameters, samples, the effective batch (samples of a rank x ranks x accumulated
    iterations) and the number of iterations. The time is measured from one iteration to the next, loading included;
    validation is not in it.

    Args:
        skipped: Iterations at the start that are not timed: they warm up caches and workers.
        timed: Iterations that are.
    """

    priority = 'LOW'

    def __init__(self, skipped: int = 3, timed: int = 10) -> None:
        self.skipped, self.timed = skipped, timed
        self._last: float | None = None
        self._seen = 0
        self._times: list[float] = []

    @staticmethod
    def describe(runner: Runner) -> str:
        """The line, without the expected time."""
        loader = runner.train_dataloader
        samples = f'{_size(loader)} training'
        if getattr(runner, '_val_loop', None) is not None:
            samples += f' and {_size(runner.val_dataloader)} validation'
        ranks, accumulated = get_world_size(), accumulated_iterations(runner)
        batch = global_batch(loader) // ranks
        start = f' from iteration {runner.iter:,}' if runner.iter else ''
        return (
            f'{_model(runner.model)}; {samples} samples; effective batch {batch * ranks * accumulated:,} = {batch} '
            f'samples x {ranks} ranks x {accumulated} accumulated; {runner.max_iters:,} iterations{start}'
        )

    def before_train(self, runner: Runner) -> None:
        """Write the line, and note the batch in every checkpoint."""
        runner.message_hub.update_info(GLOBAL_BATCH, global_batch(runner.train_dataloader))
        known = self.skipped + self.timed
        left = runner.max_iters - runner.iter
        when = f'known after {known} of them' if left > known else f'too few to tell, it needs {known}'
        runner.logger.info(f'Training {self.describe(runner)}; expected time: {when}.')

    def before_val(self, runner: Runner) -> None:
        """What lies between two iterations is no training now."""
        self._last = None

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Sequence | None = None, outputs: dict | None = None
    ) -> None:
        """Time it; write the expected time when enough is known."""
        if len(self._times) == self.timed:
            return
        now = time.perf_counter()
        self._seen += 1
        if self._last is not None and self._seen > self.skipped:
            self._times.append(now - self._last)
        self._last = now
        if len(self._times) == self.timed:
            each, left = sum(self._times) / self.timed, runner.max_iters - runner.iter - 1
            runner.logger.info(
                f'Expected time: {_duration(each * left)} for the {left:,} iterations left, {each:.3g} seconds each, '
                'without validation.'
            )
