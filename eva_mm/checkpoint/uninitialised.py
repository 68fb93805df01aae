"""Building a model whose weights are about to be loaded."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch.nn import init
from torch.overrides import TorchFunctionMode

_RANDOM = (init.uniform_, init.normal_, init.kaiming_uniform_)


class uninitialised(TorchFunctionMode):
    """Inside, torch's layers are built with uninitialised memory instead of random numbers.

    Drawing a billion numbers takes longer than reading them. Only the draws that torch's own layers make are left out;
    constants, such as zeros and ones of norms and tokens, are set as usual. Load a whole checkpoint afterwards.

        with uninitialised():
            backbone = EVAViT('giant')
        load_pretrained(backbone, 'eva_psz14.pt')
    """

    def __torch_function__(
        self, func: Callable, types: Sequence[type], args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        if func in _RANDOM:
            return args[0] if args else kwargs['tensor']
        return func(*args, **(kwargs or {}))
