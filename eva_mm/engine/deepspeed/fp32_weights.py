"""Where the fp32 weights of a training lie: in the parameters, or in DeepSpeed's optimizer.

Under DeepSpeed the parameters may be fp16 or bf16, and the fp32 weights that the optimizer updates
are cut into flat parts over the processes (ZeRO). Both classes here offer the same four operations
on such parts; ``name`` is always that of a trainable parameter.
"""

from typing import Any, NamedTuple

import torch
from mmengine.model import is_model_wrapper
from torch import Tensor, nn


class FP32Weights:
    """The weights of a model whose processes all hold whole fp32 parameters.

    Args:
        model: the model, not wrapped.
    """

    def __init__(self, model: nn.Module) -> None:
        self.params = {n: p for n, p in model.named_parameters() if p.requires_grad}

    def local(self) -> dict[str, Tensor]:
        """Return the part of each parameter that this process updates, flat and not copied."""
        return {name: param.detach().flatten() for name, param in self.params.items()}

    def assemble(self, name: str, part: Tensor | None) -> Tensor:
        """Return the whole tensor, in the parameter's shape, of which each process gives a part."""
        return part.view(self.params[name].shape)

    def part_of(self, name: str, whole: Tensor) -> Tensor:
        """Cut this process's part, a flat fp32 copy, out of a whole tensor."""
        return whole.to(self.params[name].device, torch.float32, copy=True).flatten()

    def write(self, name: str, whole: Tensor) -> None:
        """Let the model compute with a whole tensor, cast to the parameter's type."""
        self.params[name].data.copy_(whole)


class Fragment(NamedTuple):
    """A flat fp32 part of a parameter and where it begins in the flattened parameter."""

    values: Tensor
    start: int


class DeepSpeedFP32Weights(FP32Weights):
    """The weights of a DeepSpeed engine, ZeRO stage 0 to 3, in fp32, fp16 or bf16.

    Every process must call :meth:`assemble` and :meth:`write` for the same names in the same order.
    A step of the optimizer must not lie between :meth:`local` and the use of what it returned.

    Args:
        engine: a ``deepspeed.DeepSpeedEngine`` with an optimizer.
    """

    def __init__(self, engine: Any) -> None:
        super().__init__(engine.module)
        low_precision = getattr(engine.optimizer, 'fp16_groups', [])
        master = getattr(engine.optimizer, 'fp32_groups', [])  # stage 0; ZeRO has no such attribute
        self._stage0_master = {
            id(param): values
            for params, group in zip(low_precision, master, strict=False)
            for param, values in zip(params, group, strict=True)
        }

    def local(self) -> dict[str, Tensor]:
        fragments = {name: self._fragment(param) for name, param in self.params.items()}
        return {name: fragment.values for name, fragment in fragments.items() if fragment}

    def assemble(self, name: str, part: Tensor | None) -> Tensor:
        param = self.params[name]
        shape = getattr(param, 'ds_shape', param.shape)
        group = getattr(param, 'ds_process_group', getattr(param, '_dp_group', None))
        if group is None:
            return part.view(shape)
        whole = torch.zeros(shape.numel(), dtype=torch.float32, device=param.device)
        fragment = self._fragment(param)
        if fragment:
            whole[fragment.start : fragment.start + part.numel()] = part
        torch.distributed.all_reduce(whole, group=group)  # the parts do not overlap
        return whole.view(shape)

    def part_of(self, name: str, whole: Tensor) -> Tensor:
        fragment = self._fragment(self.params[name])
        part = whole.flatten()[fragment.start : fragment.start + fragment.values.numel()]
        return part.to(fragment.values.device, torch.float32, copy=True)

    def write(self, name: str, whole: Tensor) -> None:
        from deepspeed.runtime.zero import GatheredParameters

        with GatheredParameters([self.params[name]], modifier_rank=0):
            super().write(name, whole)

    def _fragment(self, param: nn.Parameter) -> Fragment | None:
        if hasattr(param, 'ds_id'):  # ZeRO-3
            from deepspeed.utils import safe_get_local_fp32_param

            values = safe_get_local_fp32_param(param)
            start = torch.distributed.get_rank(param.ds_process_group) * values.numel()
            values = values[: max(param.ds_numel - start, 0)]  # the last parts are padded
        elif hasattr(param, '_hp_mapping'):  # ZeRO-1 and 2
            mapping = param._hp_mapping
            if mapping is None:
                return None
            values, start = mapping.get_hp_fragment(), mapping.lp_fragment_address.start
        else:
            values, start = self._stage0_master.get(id(param), param).flatten(), 0
        return Fragment(values.detach(), start) if values.numel() else None


def deepspeed_engine(model: Any) -> Any | None:
    """Return the DeepSpeed engine inside a runner's model, or None."""
    engine = getattr(model, 'model', None)  # of mmengine's wrapper of the engine
    return engine if hasattr(engine, 'zero_optimization') else None


def fp32_weights(model: Any) -> FP32Weights:
    """Return the access that fits a runner's model, whatever wraps it."""
    engine = deepspeed_engine(model)
    if engine is not None:
        return DeepSpeedFP32Weights(engine)
    return FP32Weights(model.module if is_model_wrapper(model) else model)
