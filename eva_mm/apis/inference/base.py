"""What all inferencers share: reading, batches, precision, and one error per input."""

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import default_collate, pseudo_collate
from mmengine.registry import DefaultScope
from mmengine.structures import BaseDataElement
from mmengine.utils import ProgressBar
from PIL import Image
from torch import nn

from eva_mm.apis.errors import UserError
from eva_mm.apis.inference.classes import evaluated_loader
from eva_mm.apis.inference.pipeline import Pipeline, Sample
from eva_mm.apis.inference.sources import Input
from eva_mm.safe_io.download import is_address

# what a caller may give for one input
Source = str | os.PathLike | np.ndarray | Image.Image | Input


@dataclass
class Result:
    """What a model says about one input.

    Attributes:
        input: Name of the input: the file or address, ``array`` for pixels.
        prediction: Of plain values, ready for json; see :mod:`eva_mm.apis.inference` for its keys.
        picture: (H, W, 3) uint8, RGB, with the prediction drawn; ``None`` if pictures were not asked for.
        arrays: What is too large for json.
        error: ``None``, or the one sentence that says why there is no prediction.
    """

    input: str
    prediction: dict[str, Any] | None = None
    picture: np.ndarray | None = None
    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    error: str | None = None


def as_input(source: Source) -> Input:
    """One input, without looking whether it exists."""
    if isinstance(source, Input):
        return source
    if isinstance(source, np.ndarray):
        return Input('array', source)
    if isinstance(source, Image.Image):
        return Input(getattr(source, 'filename', '') or 'image', np.asarray(source.convert('RGB')))
    if is_address(source):
        return Input(source, source)
    return Input(str(source), Path(source))


class Inferencer:
    """A model with its test pipeline; :func:`eva_mm.apis.build_inferencer` builds the one of a task.

    Args:
        model: In evaluation mode, on its device, as :func:`eva_mm.apis.model.build_model` makes it.
        cfg: Its whole config.
        classes: Names of its classes.
        half: Autocast: float16 on a GPU, bfloat16 on a CPU.

    Attributes:
        task: Name of the task.
        media: What it looks at, ``'image'`` or ``'video'``.
    """

    task: ClassVar[str] = ''
    # names of the keyword arguments that a task adds
    options: ClassVar[tuple[str, ...]] = ()
    # whether the model brings images of different sizes to one
    pads: ClassVar[bool] = False

    def __init__(self, model: nn.Module, cfg: Config, classes: Sequence[str] = (), half: bool = False) -> None:
        self.model: Any = model  # its attributes are whatever its host gave it
        self.cfg, self.classes, self.half = cfg, tuple(classes), half
        self.pipeline = Pipeline(cfg)
        self.media = self.pipeline.media

    @classmethod
    def prepare(cls, cfg: Config, weights_dir: str | os.PathLike | None) -> None:
        """Change a config before the model is built from it; most tasks need not."""

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return next(self.model.parameters()).device

    def __call__(
        self, inputs: Source | Sequence[Source], batch_size: int = 1, progress: bool = False, pictures: bool = True
    ) -> list[Result]:
        """Look at inputs.

        Args:
            inputs: Files, http(s) addresses, images of Pillow, arrays (H, W, 3) uint8 RGB, or what
                :func:`eva_mm.apis.inference.find_inputs` finds.
            batch_size: How many the model sees at once.
            progress: Whether to draw a bar on stderr.
            pictures: Whether to draw predictions.

        Returns:
            One result for each input, in their order. An input that cannot be read has an ``error``.

        Raises:
            UserError: ``batch_size`` is not positive, or a batch does not fit into the memory of the GPU.
        """
        single = isinstance(inputs, Source)
        inputs = [inputs] if single else list(inputs)
        results = []
        bar = ProgressBar(len(inputs), file=sys.stderr) if progress else None
        for result in self.stream(inputs, batch_size, pictures):
            results.append(result)
            if bar:
                bar.update()
        if bar:
            sys.stderr.write('\n')
        return results

    def stream(self, inputs: Iterable[Source], batch_size: int = 1, pictures: bool = True) -> Iterator[Result]:
        """As calling it, but one result after the other, so that they need not all be in memory."""
        if batch_size < 1:
            raise UserError(f'batch_size={batch_size} must be positive.')
        items = map(as_input, inputs)
        while chunk := list(islice(items, batch_size)):
            yield from self._look(chunk, pictures)

    def _look(self, items: list[Input], pictures: bool) -> Iterator[Result]:
        samples, errors = {}, {}
        for index, item in enumerate(items):
            try:
                samples[index] = self.pipeline(item)
            except ValueError as error:
                errors[index] = str(error)
        outputs = iter(self._run(list(samples.values())) if samples else ())
        for index, item in enumerate(items):
            if index in errors:
                yield Result(item.name, error=errors[index])
            else:
                yield self.describe(Result(item.name), samples[index], next(outputs), pictures)

    def _run(self, samples: list[Sample]) -> Sequence[Any]:
        kind = self.device.type
        dtype = torch.bfloat16 if kind == 'cpu' else torch.float16
        try:
            with (
                torch.no_grad(),
                torch.autocast(kind, dtype, enabled=self.half),
                DefaultScope.overwrite_default_scope(self.cfg.get('default_scope')),
            ):
                return [_in_fp32(output) for output in self._predict_by_size(samples)]
        except torch.cuda.OutOfMemoryError as error:
            raise UserError(
                f'A batch of {len(samples)} does not fit into the memory of {self.device}: '
                'lower the batch size, use half precision, or take a smaller model.'
            ) from error

    def _predict_by_size(self, samples: list[Sample]) -> list[Any]:
        """Outputs in the order of the samples; those of one size are batched, unless the model pads them."""
        groups: dict[Any, list[int]] = {}
        for index, sample in enumerate(samples):
            groups.setdefault(None if self.pads else sample.data['inputs'].shape, []).append(index)
        outputs: dict[int, Any] = {}
        for indices in groups.values():
            outputs |= zip(indices, self.predict([samples[index] for index in indices]))
        return [outputs[index] for index in range(len(samples))]

    def collate(self, samples: list[Sample]) -> dict[str, Any]:
        """A batch as the config's own loader makes it."""
        how = (evaluated_loader(self.cfg).get('collate_fn') or {}).get('type')
        join = default_collate if how == 'default_collate' else pseudo_collate
        return join([sample.data for sample in samples])

    def predict(self, samples: list[Sample]) -> Sequence[Any]:
        """What the model says about a batch, one output for each sample."""
        return self.model.test_step(self.collate(samples))

    def describe(self, result: Result, sample: Sample, output: Any, pictures: bool) -> Result:
        """Fill in prediction, arrays, and, if wanted, the picture of a result."""
        raise NotImplementedError


def _in_fp32(output: Any) -> Any:
    """What a model gave under autocast, in a precision that NumPy has."""
    if isinstance(output, torch.Tensor):
        return output.float() if output.dtype in (torch.bfloat16, torch.float16) else output
    if isinstance(output, BaseDataElement):
        for name, value in output.items():
            output.set_field(_in_fp32(value), name)
        return output
    if isinstance(output, dict):
        return {name: _in_fp32(value) for name, value in output.items()}
    return type(output)(map(_in_fp32, output)) if type(output) in (list, tuple) else output
