"""What a forward pass leaves in memory, counted in bytes."""

import torch
from torch import nn
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class KeptStorages(TorchDispatchMode):
    """Bytes of the storages made inside that are still alive, parameters of ``module`` aside.

    ``saved_tensors_hooks`` would not do: the tensors that torch keeps for a selective checkpoint do not pass them.
    """

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.own = {p.untyped_storage()._cdata for p in module.parameters()}
        self.storages = {}

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(out):
            if isinstance(tensor, torch.Tensor) and tensor.untyped_storage()._cdata not in self.own:
                storage = tensor.untyped_storage()
                # a weak reference keeps the address from being used again
                self.storages[storage._cdata] = StorageWeakRef(storage), storage.nbytes()
        return out

    def bytes(self) -> int:
        return sum(size for reference, size in self.storages.values() if not reference.expired())
