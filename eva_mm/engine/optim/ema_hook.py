"""An exponential moving average of the weights that stays in fp32, under any strategy."""

import logging
from typing import Any

from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.logging import print_log
from torch import Tensor

from eva_mm.engine.deepspeed.checkpoint import EMA_PREFIX
from eva_mm.engine.deepspeed.fp32_weights import FP32Weights, deepspeed_engine, fp32_weights
from eva_mm.registry import HOOKS

Parts = dict[str, Tensor]  # the parts of this process, see `fp32_weights`


@HOOKS.register_module()
class FP32EMAHook(Hook):
    """Average the weights after every step of the optimizer: ``ema += momentum * (w - ema)``.

    The rate is constant, as in the EVA-01 release (``ModelEma`` with decay 0.9999). The average is
    taken of trainable parameters only, in fp32: under DeepSpeed of the optimizer's fp32 weights,
    each process averaging the part it updates, so it costs no communication and little memory.
    Buffers are not averaged. A step that fp16 skips for an overflow counts, as in the release.

    Checkpoints are those of mmengine's ``EMAHook``: ``state_dict`` holds the average, ready for
    use, and ``ema_state_dict`` the weights in training. In a DeepSpeed checkpoint directory the
    average is the file ``ema.pth``. The average restarts from the loaded weights when a checkpoint
    is loaded but not resumed.

    Args:
        momentum: 1 - decay.
        evaluate_on_ema: validate and test the average.
        evaluate_on_origin: validate and test the weights in training; if both are asked for, their
            metrics get the suffix ``_origin``.

    Raises:
        ValueError: if momentum is not between 0 and 1, or neither is to be evaluated.
    """

    priority = 'NORMAL'  # before the checkpoint is saved

    def __init__(
        self,
        momentum: float = 1e-4,
        evaluate_on_ema: bool = True,
        evaluate_on_origin: bool = False,
    ) -> None:
        if not 0 < momentum < 1:
            raise ValueError(f'FP32EMAHook was given momentum={momentum}; it is 1 - decay, between 0 and 1.')
        if not (evaluate_on_ema or evaluate_on_origin):
            raise ValueError(
                'FP32EMAHook has neither evaluate_on_ema nor evaluate_on_origin; set one of them, '
                'or leave out val_cfg to have no validation.'
            )
        self.momentum = momentum
        self.evaluate_on_ema = evaluate_on_ema
        self.evaluate_on_origin = evaluate_on_origin
        self._weights: FP32Weights
        self._average: Parts | None = None  # there while training
        self._origin: Parts | None = None  # there while the model holds the average
        self._loaded: dict[str, Tensor] = {}  # whole tensors

    def after_load_checkpoint(self, runner: Any, checkpoint: dict) -> None:
        """Take the average (when resuming) or the weights in training out of a checkpoint."""
        saved = checkpoint.get('ema_state_dict')
        if saved is None:
            if runner._resume:
                _warn('The checkpoint has no average of the weights; it starts from the weights.')
            return
        if runner._resume and 'state_dict' in checkpoint:
            _swap(checkpoint['state_dict'], saved)
        self._loaded = {name.removeprefix(EMA_PREFIX): value for name, value in saved.items()}

    def before_train(self, runner: Any) -> None:
        """Start the average from the checkpoint that is resumed or from the weights."""
        self._weights = fp32_weights(runner.model)
        self._average = _copy_parts(self._weights, self._loaded if runner._resume else None)
        self._loaded = {}

    def after_train_iter(self, runner: Any, *args: Any, **kwargs: Any) -> None:
        """Move the average if the optimizer has made a step."""
        if not _has_stepped(runner):
            return
        for name, part in self._weights.local().items():
            self._average[name].lerp_(part.float(), self.momentum)

    def before_save_checkpoint(self, runner: Any, checkpoint: dict) -> None:
        """Add the average; where the checkpoint has a ``state_dict``, swap the two."""
        if self._average is None:
            return
        average = {}
        for name in self._weights.params:
            whole = self._weights.assemble(name, self._average.get(name))
            if is_main_process():
                average[EMA_PREFIX + name] = whole.cpu()
        checkpoint['ema_state_dict'] = average
        if 'state_dict' in checkpoint:
            _swap(checkpoint['state_dict'], average)

    def before_val_epoch(self, runner: Any) -> None:
        """Put the weights to be evaluated first into the model."""
        self._before_evaluation(runner)

    def before_test_epoch(self, runner: Any) -> None:
        """Put the weights to be evaluated first into the model."""
        self._before_evaluation(runner)

    def after_val_epoch(self, runner: Any, metrics: dict[str, float] | None = None) -> None:
        """Put the weights in training back, and evaluate them if asked to."""
        self._after_evaluation(runner, runner.val_loop, 'val')

    def after_test_epoch(self, runner: Any, metrics: dict[str, float] | None = None) -> None:
        """Put the weights in training back, and evaluate them if asked to."""
        self._after_evaluation(runner, runner.test_loop, 'test')

    def _before_evaluation(self, runner: Any) -> None:
        if self._average is not None and self.evaluate_on_ema:
            self._origin = _copy_parts(self._weights)
            self._write(self._average)
        elif self._loaded and self.evaluate_on_origin:
            # No training in this process: the model holds the average that was loaded.
            self._weights = fp32_weights(runner.model)
            self._origin = _copy_parts(self._weights, self._loaded)
            if not self.evaluate_on_ema:
                self._write(self._origin)

    def _after_evaluation(self, runner: Any, loop: Any, mode: str) -> None:
        if self._origin is None:
            return
        self._write(self._origin)
        self._origin = None
        if self.evaluate_on_ema and self.evaluate_on_origin:
            _evaluate_origin(runner, loop, mode)

    def _write(self, parts: Parts) -> None:
        for name in self._weights.params:
            self._weights.write(name, self._weights.assemble(name, parts.get(name)))


def _copy_parts(weights: FP32Weights, wholes: dict[str, Tensor] | None = None) -> Parts:
    """Return fp32 copies: of whole tensors where they are given, else of the weights."""
    parts = {name: part.float().clone() for name, part in weights.local().items()}
    if wholes:
        missing = sorted(weights.params.keys() - wholes.keys())
        if missing:
            _warn(f'The checkpoint lacks {missing}; the weights of the model stand in.')
        for name in parts.keys() & wholes.keys():
            parts[name] = weights.part_of(name, wholes[name])
    return parts


def _evaluate_origin(runner: Any, loop: Any, mode: str) -> None:
    runner.model.eval()
    for index, batch in enumerate(loop.dataloader):
        loop.run_iter(index, batch)
    for name, value in loop.evaluator.evaluate(len(loop.dataloader.dataset)).items():
        runner.message_hub.update_scalar(f'{mode}/{name}_origin', value)


def _swap(state_dict: dict[str, Tensor], ema_state_dict: dict[str, Tensor]) -> None:
    for key in ema_state_dict:
        name = key.removeprefix(EMA_PREFIX)
        if name in state_dict:
            state_dict[name], ema_state_dict[key] = ema_state_dict[key], state_dict[name]


def _has_stepped(runner: Any) -> bool:
    """Whether this iteration ended an accumulation of gradients, if there is one at all."""
    engine = deepspeed_engine(runner.model)
    if engine is not None:
        return engine.micro_steps % engine.gradient_accumulation_steps() == 0
    return runner.optim_wrapper.should_update()


def _warn(message: str) -> None:
    print_log(message, logger='current', level=logging.WARNING)
