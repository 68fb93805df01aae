"""What a backbone sees: the three strongest directions of its patch features as colours."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.model import BaseModel
from torch import Tensor, nn
from torch.nn import functional as F

from eva_mm.apis.errors import UserError
from eva_mm.apis.inference.base import Inferencer, Result
from eva_mm.apis.inference.draw import beside, enlarge, resize_blocks
from eva_mm.apis.inference.pipeline import Sample

# the share of extreme values that do not stretch the colours
_TAILS = (0.01, 0.99)


def principal_colours(features: Tensor) -> tuple[Tensor, Tensor]:
    """The first three principal components of features as red, green and blue.

    Args:
        features: (h, w, C).

    Returns:
        (h, w, 3), from 0 to 1, and the share of the variance that each explains, (3,). The sign of a component is that
        of its largest weight, so the same features have the same colours.
    """
    flat = features.flatten(0, 1).double()
    centred = flat - flat.mean(dim=0)
    _, spread, directions = torch.linalg.svd(centred, full_matrices=False)
    rank = min(3, len(directions))
    directions = directions[:rank]
    largest = directions.abs().argmax(dim=1, keepdim=True)
    projected = centred @ (directions * directions.gather(1, largest).sign()).T
    low, high = torch.quantile(projected, torch.tensor(_TAILS, dtype=torch.double), dim=0)
    colours, explained = torch.zeros(len(flat), 3), torch.zeros(3)
    colours[:, :rank] = ((projected - low) / (high - low).clamp_min(1e-12)).clamp(0, 1).float()
    explained[:rank] = (spread**2 / (spread**2).sum().clamp_min(1e-12))[:rank].float()
    return colours.unflatten(0, features.shape[:2]), explained


def seen_pixels(sample: Sample, size: tuple[int, int]) -> np.ndarray:
    """The pixels (H, W, 3) that a model gets of a sample: cropped and resized, not yet normalised nor padded."""
    inputs = sample.data['inputs']
    pixels = inputs.permute(1, 2, 0).numpy()[..., ::-1].astype(np.uint8)
    return np.ascontiguousarray(pixels[: size[0], : size[1]])


class FeatureInferencer(Inferencer):
    """Patch features after the last block of a backbone, and their principal components as colours.

    Args:
        model, cfg, classes, half: See :class:`Inferencer`; ``classes`` are not used.
        zoom: Factor on the size of what the model gets; positions are resized. 2 gives four times as many patches.

    Raises:
        UserError: The model has no EVA backbone, or ``zoom`` is not positive.
    """

    task = 'features'
    options = ('zoom',)

    def __init__(
        self, model: BaseModel, cfg: Config, classes: Sequence[str] = (), half: bool = False, zoom: int = 1
    ) -> None:
        if zoom < 1:
            raise UserError(f'zoom={zoom} must be 1 or more.')
        super().__init__(model, cfg, (), half)
        self.zoom = zoom
        backbone: nn.Module | None = getattr(model, 'backbone', None) or getattr(model, 'visual', None)
        if not hasattr(backbone, 'blocks') or not hasattr(backbone, 'patch_embed'):
            raise UserError(f'{type(model).__name__} has no EVA backbone, whose features could be drawn.')
        if self.media != 'image':
            raise UserError('Features are drawn of models for images, and this one takes videos.')
        self.backbone = backbone

    def predict(self, samples: list[Sample]) -> list[tuple[Tensor, tuple[int, int]]]:
        """Patch features (h, w, C) of each sample, and the size in pixels of what the model got."""
        seen = []
        hook = self.backbone.blocks[-1].register_forward_hook(lambda _, inputs, output: seen.append((inputs, output)))
        data = self.model.data_preprocessor(self.collate(samples), False)
        try:
            self._see(F.interpolate(data['inputs'], scale_factor=self.zoom, mode='bicubic'))
        finally:
            hook.remove()
        (_, grid), tokens = seen[0]
        features = tokens[:, self.backbone.num_extra_tokens :].unflatten(1, tuple(grid)).float().cpu()
        size = tuple(data['inputs'].shape[-2:])
        return [(each, size) for each in features]

    def _see(self, images: Tensor) -> None:
        """Run the backbone; masked image modelling hides nothing here."""
        if hasattr(self.backbone, 'mask_token'):
            self.model.extract_feat(images)
        else:
            self.backbone(images)

    def describe(self, result: Result, sample: Sample, output: Any, pictures: bool) -> Result:
        """Fill in ``grid``, ``channels`` and ``explained``, and draw the colours beside the pixels."""
        features, size = output
        pixels = seen_pixels(sample, size)
        # a detector's batch is padded; what stands for padding is left out
        rows, columns = (
            max(1, round(side * seen / whole)) for side, seen, whole in zip(features.shape, pixels.shape, size)
        )
        features = features[:rows, :columns]
        colours, explained = principal_colours(features)
        result.prediction = dict(
            grid=[rows, columns],
            channels=features.shape[2],
            explained=[round(share, 4) for share in explained.tolist()],
        )
        result.arrays['features'] = features.numpy()
        if pictures:
            pixels = enlarge(pixels)
            colours = (255 * colours.numpy()).round().astype(np.uint8)
            result.picture = beside(pixels, resize_blocks(colours, pixels.shape[:2]))
        return result
