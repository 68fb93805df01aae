"""Writing a graph for a runtime, and comparing what the runtime computes with torch."""

import io
import json
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.registry import DefaultScope
from torch import Tensor

from eva_mm.apis.errors import UserError
from eva_mm.apis.exporting.graph import Graph
from eva_mm.apis.model import Weights, get_model

SUFFIXES = {'onnx': '.onnx', 'openvino': '.xml', 'torch-export': '.pt2'}
_NEEDS = {'onnx': ('onnx', 'onnxruntime'), 'openvino': ('onnx', 'openvino'), 'torch-export': ()}
# relative to the largest value of an output
MAX_ERROR = 1e-3
_OPSET = 17
_TRACED, _COMPARED = 2, 3  # images; two batches differ, so that a batch that is written into the graph fails


@dataclass(frozen=True)
class Exported:
    """A graph that was written and agrees with torch.

    Attributes:
        path: The file.
        shape: Of the input, without the batch.
        outputs: Shapes of the outputs, without the batch.
        kind: What they are.
        error: The largest difference of any output from torch's, relative to the largest value of that output.
        seconds: How long writing took.
    """

    path: Path
    shape: tuple[int, ...]
    outputs: tuple[tuple[int, ...], ...]
    kind: str
    error: float
    seconds: float


def _check_destination(out: Path, to: str) -> None:
    if out.suffix != SUFFIXES[to]:
        raise UserError(f'{out} must end in {SUFFIXES[to]}, the suffix of --to {to}.')
    if out.exists():
        raise FileExistsError(f'{out} exists and is not overwritten: remove it or give another name.')
    if missing := [name for name in _NEEDS[to] if find_spec(name) is None]:
        raise UserError(f'--to {to} needs {", ".join(missing)}: pip install "eva_mm[export]".')


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the warnings of tracing, for constant sizes are what is asked for, and the graph that torch prints."""
    with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
        warnings.simplefilter('ignore')
        yield


def _write_onnx(graph: Graph, images: Tensor, out: Path, classes: Sequence[str]) -> None:
    import onnx

    names = [f'output{index}' for index in range(len(graph(images)))]
    dynamic = dict.fromkeys(['image', *names], {0: 'batch'})
    torch.onnx.export(
        graph, (images,), str(out), dynamo=False, opset_version=_OPSET,
        input_names=['image'], output_names=names, dynamic_axes=dynamic,
    )  # fmt: skip
    model = onnx.load(out)
    facts = {'eva_mm.outputs': graph.kind, 'eva_mm.classes': json.dumps(list(classes))}
    onnx.helper.set_model_props(model, facts)
    # weights of more than 2 GiB do not fit into a file of protobuf
    large = model.ByteSize() > 2**31 - 2**20
    onnx.save(model, out, save_as_external_data=large, location=f'{out.name}.data')


def _run_onnx(path: Path) -> Callable[[np.ndarray], list[np.ndarray]]:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=['CPUExecutionProvider'])
    return lambda images: session.run(None, {'image': images})


def _write_openvino(graph: Graph, images: Tensor, out: Path, classes: Sequence[str]) -> None:
    import openvino

    between = out.with_suffix('.onnx.part')
    try:
        _write_onnx(graph, images, between, classes)
        openvino.save_model(openvino.convert_model(str(between)), str(out), compress_to_fp16=False)
    finally:
        for part in (between, between.with_name(f'{between.name}.data')):
            part.unlink(missing_ok=True)


def _run_openvino(path: Path) -> Callable[[np.ndarray], list[np.ndarray]]:
    import openvino

    # on a CPU with bfloat16 openvino rounds to it unless it is told not to
    compiled = openvino.Core().compile_model(str(path), 'CPU', {'INFERENCE_PRECISION_HINT': 'f32'})
    return lambda images: [compiled(images)[port] for port in compiled.outputs]


def _write_torch_export(graph: Graph, images: Tensor, out: Path, classes: Sequence[str]) -> None:
    batch = {0: torch.export.Dim('batch', min=1, max=2**16)}
    program = torch.export.export(graph, (images,), dynamic_shapes=(batch,), strict=False)
    torch.export.save(program, out, extra_files={'eva_mm.classes.json': json.dumps(list(classes))})


def _run_torch_export(path: Path) -> Callable[[np.ndarray], list[np.ndarray]]:
    module = torch.export.load(path).module()
    return lambda images: [output.numpy() for output in module(torch.from_numpy(images))]


_WRITE = {'onnx': _write_onnx, 'openvino': _write_openvino, 'torch-export': _write_torch_export}
_RUN = {'onnx': _run_onnx, 'openvino': _run_openvino, 'torch-export': _run_torch_export}


def _remove(out: Path) -> None:
    for path in (out, out.with_suffix('.bin'), out.with_name(f'{out.name}.data')):
        path.unlink(missing_ok=True)


def _largest_error(expected: Sequence[Tensor], found: Sequence[np.ndarray]) -> float:
    errors = [0.0]
    for ours, theirs in zip(expected, found, strict=True):
        if tuple(ours.shape) != theirs.shape:
            raise ValueError(f'the runtime gives {theirs.shape} for {tuple(ours.shape)}')
        scale = max(ours.abs().max().item(), 1e-6)
        errors.append(float(np.abs(ours.numpy() - theirs).max()) / scale)
    # NaN must not pass
    return max(errors, key=lambda error: (error != error, error))


def export_model(
    name: str | Path,
    out: str | Path,
    weights: Weights = False,
    to: str = 'onnx',
    part: str = 'model',
    size: Sequence[int] | None = None,
    weights_dir: str | Path | None = None,
    cfg_options: dict[str, Any] | None = None,
) -> Exported:
    """Write a model as a graph with a free batch and a fixed size, and compare the runtime's outputs with torch's.

    The graph takes RGB images ``image`` (B, 3, H, W), for video clips (B, 3, T, H, W), as floats from 0 to 255; mean
    and deviation of the config are part of it. Its outputs are raw: scores before softmax, one window of a segmentor
    that slides, levels of a detector before suppression.

    Args:
        name: As for :func:`eva_mm.apis.get_model`.
        out: The file to write, with the suffix of :data:`SUFFIXES`.
        weights: As ``pretrained`` of :func:`eva_mm.apis.get_model`.
        to: ``'onnx'``, ``'openvino'`` or ``'torch-export'``.
        part: ``'model'`` or ``'backbone'``.
        size: Height and width in pixels. Default: those of the backbone's positions.
        weights_dir, cfg_options: As for :func:`eva_mm.apis.get_model`.

    Raises:
        UserError: A package is missing, the model has no such graph, or the runtime differs by more than
            :data:`MAX_ERROR`; nothing is left behind then.
        FileExistsError: ``out`` exists.
    """
    out = Path(out)
    _check_destination(out, to)
    model = get_model(name, weights, weights_dir=weights_dir, cfg_options=cfg_options)
    classes = model._dataset_meta.get('classes') or ()
    begin = time.perf_counter()
    with DefaultScope.overwrite_default_scope(model._config.get('default_scope')), torch.no_grad(), _quiet():
        graph = Graph(model, part).eval()
        shape = graph.input_shape(size)
        images = torch.rand(_TRACED, *shape) * 255
        try:
            graph(images)
            _WRITE[to](graph, images, out, classes)
            seconds = time.perf_counter() - begin
            images = torch.rand(_COMPARED, *shape) * 255
            expected = graph(images)
            error = _largest_error(expected, _RUN[to](out)(images.numpy()))
        except Exception as failure:
            _remove(out)
            reason = ' '.join(str(failure).split())[:200]
            raise UserError(f'{name} cannot be exported to {to}: {type(failure).__name__}: {reason}') from failure
    if not error <= MAX_ERROR:
        _remove(out)
        raise UserError(f'{name} exported to {to} differs from torch by {error:.2g}, more than {MAX_ERROR:g}.')
    outputs = tuple(tuple(each.shape[1:]) for each in expected)
    return Exported(out, shape, outputs, graph.kind, error, seconds)
