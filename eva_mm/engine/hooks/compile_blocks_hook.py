"""``torch.compile`` as a switch of a config."""

from typing import Any

from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from torch import nn

from eva_mm.registry import HOOKS


def compile_blocks(model: nn.Module, **options: Any) -> int:
    """Compile in place every transformer block of a model.

    All blocks have the same code, so one compilation serves them all, or two where only some have stochastic depth.
    Names of weights, activation checkpointing, hooks on the model, DDP and DeepSpeed's ZeRO-1 are not touched; stages 2
    and 3 have not been tried.

    Args:
        model: Anything whose blocks lie in module lists named ``blocks``, ``decoder_blocks`` (EVA, timm) or
            ``resblocks`` (open_clip).
        options: Of ``torch.compile``, for instance ``mode='max-autotune-no-cudagraphs'``.

    Returns:
        How many blocks were compiled.

    Raises:
        ValueError: There is no such list.
    """
    names = ('blocks', 'decoder_blocks', 'resblocks')
    lists = [
        module
        for name, module in model.named_modules()
        if isinstance(module, (nn.ModuleList, nn.Sequential)) and name.rpartition('.')[2] in names
    ]
    blocks = [block for blocks in lists for block in blocks]
    if not blocks:
        raise ValueError(f'{type(model).__name__} has no transformer blocks to compile: leave torch.compile out.')
    for block in blocks:
        block.compile(**options)
    return len(blocks)


@HOOKS.register_module()
class CompileBlocksHook(Hook):
    """Compile the model's transformer blocks before training, and those of a CLIP teacher where there is one.

    Works with activation checkpointing of both kinds and under ZeRO-1, and leaves the names of weights as they are. The
    losses are those without but for rounding; with stochastic depth also but for what is dropped, since compiled blocks
    draw it in another way. The first iteration takes longer: the default backend compiles C++ on a CPU and Triton on a
    GPU.

        custom_hooks = [*_base_.custom_hooks, dict(type='eva_mm.CompileBlocksHook')]

    Args:
        options: Arguments of ``torch.compile``, as :func:`compile_blocks` takes them.
    """

    def __init__(self, **options: Any) -> None:
        self.options = options

    def before_train(self, runner: Any) -> None:
        """Compile student and teacher."""
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        count = compile_blocks(model, **self.options)
        teacher = getattr(getattr(model, 'target_generator', None), 'visual', None)
        if teacher is not None:
            count += compile_blocks(teacher, **self.options)
        runner.logger.info(f'{count} transformer blocks run under torch.compile.')
