"""Which of torch's kernels an optimizer steps with is the config's choice, also after a checkpoint was loaded."""

from typing import Any

from torch.optim import Optimizer

# one kernel for each step, or one for each operation over all tensors; with neither torch chooses
KERNELS = ('fused', 'foreach')


def keep_kernel(optimizer: Optimizer) -> None:
    """Let a loaded state dict leave ``fused`` and ``foreach`` of every group as they are.

    torch takes them from the checkpoint with the other settings of a group. A run that is resumed with ``fused=True``
    from a checkpoint without would then step unfused and, with a loss scale, fail: torch's gradient scaler leaves the
    division to an optimizer that was built fused.

    Args:
        optimizer: Any optimizer of torch; one without such kernels is left as it is.
    """
    optimizer.register_load_state_dict_pre_hook(_with_own_kernels)


def _with_own_kernels(optimizer: Optimizer, state_dict: dict[str, Any]) -> dict[str, Any]:
    groups = [
        # more groups than saved ones are torch's to refuse
        {**saved, **{name: own[name] for name in KERNELS if name in own}}
        for saved, own in zip(state_dict['param_groups'], optimizer.param_groups)
    ]
    return {**state_dict, 'param_groups': groups + list(state_dict['param_groups'][len(groups) :])}
