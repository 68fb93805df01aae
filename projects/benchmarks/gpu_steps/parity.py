"""Step 1: every backbone, neck and operator on the device against fp32 on the CPU, outputs and gradients.

A case in half precision is compared with fp32 on the CPU from the same rounded weights and inputs, so that the error is
that of the arithmetic. Under autocast weights and inputs are not rounded. Where the device is the CPU, fp32 is compared
with itself and must be equal.
"""

import argparse
import copy
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten

from gpu_steps.precision import Precision, precisions_of, worst_error
from gpu_steps.recorder import BEYOND, OK, Recorder

# relative error of gradients in fp32 where rounding can change which value an operator takes
JUMPS = 1e-2


@dataclass(frozen=True)
class Case:
    """Something to compare.

    Attributes:
        name: In the report.
        build: Gives a module in fp32 on the CPU and its inputs; floating inputs get gradients.
        kind: ``'model'`` or ``'operator'``.
        smooth: Whether results change little when values are rounded. Where they do not, outputs have three times the
            bound, gradients in fp32 have :data:`JUMPS`, and those in other precisions are recorded and held to none.
    """

    name: str
    build: Callable[[], tuple[nn.Module, Sequence[Tensor]]]
    kind: str
    smooth: bool = True


@dataclass(frozen=True)
class Result:
    """Outputs and gradients by name, on the CPU."""

    outputs: dict[str, Tensor]
    gradients: dict[str, Tensor]


def _signs(shape: torch.Size) -> Tensor:
    """Random 1 and -1, which no precision rounds: what outputs are multiplied by before they are summed."""
    draws = torch.rand(shape, generator=torch.Generator().manual_seed(shape.numel()))
    return torch.where(draws < 0.5, -1.0, 1.0)


def _move(tensor: Tensor, device: str, dtype: torch.dtype) -> Tensor:
    if not tensor.is_floating_point():
        return tensor.to(device)
    return tensor.to(device, dtype).detach().requires_grad_()


def compute(module: nn.Module, inputs: Sequence[Tensor], device: str, precision: Precision) -> Result:
    """Run a module forward and backward; it is left as it was."""
    module = copy.deepcopy(module).to(device, precision.stored)
    inputs = [_move(tensor, device, precision.stored) for tensor in inputs]
    with precision.active(device):
        leaves, _ = tree_flatten(module(*inputs))
        outputs = {f'output {index}': leaf for index, leaf in enumerate(leaves) if isinstance(leaf, Tensor)}
        trained = [tensor for tensor in outputs.values() if tensor.requires_grad]
        objective = sum((tensor.float() * _signs(tensor.shape).to(device)).sum() for tensor in trained)
    gradients = {}
    if trained:
        objective.backward()
        named = [*module.named_parameters(), *((f'input {index}', tensor) for index, tensor in enumerate(inputs))]
        gradients = {name: tensor.grad for name, tensor in named if tensor.grad is not None}
    return Result(*({name: t.detach().cpu() for name, t in part.items()} for part in (outputs, gradients)))


def _rounded(module: nn.Module, inputs: Sequence[Tensor], dtype: torch.dtype) -> tuple[nn.Module, list[Tensor]]:
    """The same in fp32 with the values that ``dtype`` leaves."""
    module = copy.deepcopy(module).to(dtype).float()
    return module, [tensor.to(dtype).float() if tensor.is_floating_point() else tensor for tensor in inputs]


def compare(case: Case, device: str, recorder: Recorder) -> None:
    """Record a row for each precision."""
    labels = {'kind': case.kind}
    with recorder.case(case.name, **labels):
        torch.manual_seed(0)
        module, inputs = case.build()
        exact, references = precisions_of(device)[0], {}
        for precision in precisions_of(device):
            with recorder.case(case.name, **labels, precision=precision.name):
                stored = precision.stored
                if stored not in references:
                    references[stored] = compute(*_rounded(module, inputs, stored), 'cpu', exact)
                found, expected = compute(module, inputs, device, precision), references[stored]
                output, of_output = worst_error(found.outputs, expected.outputs)
                gradient, of_gradient = worst_error(found.gradients, expected.gradients)
                gradient_bound = precision.bound if case.smooth else JUMPS if precision is exact else None
                bound = precision.bound * (1 if case.smooth else 3)
                beyond = output > bound or gradient_bound is not None and gradient > gradient_bound
                recorder.add(
                    case.name, BEYOND if beyond else OK, **labels, precision=precision.name, output_error=output,
                    gradient_error=gradient, bound=bound, gradient_bound=gradient_bound,
                    worst_output=of_output, worst_gradient=of_gradient,
                )  # fmt: skip


def all_cases(size: str, recorder: Recorder) -> Iterable[Case]:
    """Operators first: models are made of them."""
    from gpu_steps.parity_models import model_cases

    with recorder.case('operators', kind='operator'):
        from gpu_steps.parity_operators import operator_cases

        yield from operator_cases(size)
    yield from model_cases(size)


def run(args: argparse.Namespace, recorder: Recorder) -> None:
    """Compare every case."""
    import eva_mm  # noqa: F401 - before mmcv, which it repairs

    for case in all_cases(args.size, recorder):
        compare(case, args.device, recorder)
