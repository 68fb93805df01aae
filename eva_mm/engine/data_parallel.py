"""Data parallelism that does not wait for gradients which never come."""

from typing import Any

from mmengine.model import MMDistributedDataParallel
from torch import nn

from eva_mm.registry import MODEL_WRAPPERS


@MODEL_WRAPPERS.register_module()
class EVADataParallel(MMDistributedDataParallel):
    """:class:`MMDistributedDataParallel` for models with layers whose gradient is cut.

    Such a layer has a ``grad_scale`` of 0, as released for fine-tuning: its parameters belong to the optimizer and get
    no gradient, for which torch's own class waits until it gives up in the second iteration. They are the same in all
    processes from the start and stay as they are.

    Args:
        module: The model.
        args, kwargs: As for ``MMDistributedDataParallel``.
    """

    def __init__(self, module: nn.Module, *args: Any, **kwargs: Any) -> None:
        cut = [
            f'{path}.{name}'
            for path, part in module.named_modules()
            if getattr(part, 'grad_scale', 1) == 0
            for name, _ in part.named_parameters()
        ]
        self._set_params_and_buffers_to_ignore_for_model(module, cut)
        super().__init__(module, *args, **kwargs)
