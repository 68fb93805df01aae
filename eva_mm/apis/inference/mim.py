"""How well masked image modelling guesses what the teacher sees in hidden patches."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from torch import Tensor, nn
from torch.nn import functional as F

from eva_mm.apis.errors import UserError
from eva_mm.apis.inference.base import Inferencer, Result
from eva_mm.apis.inference.draw import add_caption, beside, enlarge, heat_map, resize_blocks
from eva_mm.apis.inference.features import seen_pixels
from eva_mm.apis.inference.pipeline import Sample
from eva_mm.apis.model_index import weights_folder

# the file of OpenAI's CLIP-L, the teacher of EVA-g
TEACHER_FILES = {('ViT-L-14-quickgelu', 'openai'): 'ViT-L-14.pt'}


class MIMInferencer(Inferencer):
    """Cosine similarity of student and teacher at every patch while it is hidden from the student.

    The mask of the validation pipeline hides one half of the patches, its complement the other, so that two passes
    predict every patch from the others. ``mean`` is the mean over all patches of an image.

    Args:
        model, cfg, classes, half: See :class:`Inferencer`; ``classes`` are not used.

    Raises:
        FileNotFoundError: The teacher's folder or file is missing.
    """

    task = 'mim'

    def __init__(self, model: nn.Module, cfg: Config, classes: Sequence[str] = (), half: bool = False) -> None:
        super().__init__(model, cfg, (), half)
        model.target_generator.load()

    @classmethod
    def prepare(cls, cfg: Config, weights_dir: str | os.PathLike | None) -> None:
        """Look for the teacher's weights in the folder of released files: open_clip would download them unasked.

        Raises:
            FileNotFoundError: They are not there; the sentence names the file.
        """
        teacher = cfg.model.target_generator
        pretrained = teacher.get('pretrained')
        if not pretrained or Path(pretrained).is_file():
            return
        name = TEACHER_FILES.get((teacher.model, pretrained))
        folder = weights_folder(weights_dir)
        if name is None or not (folder / name).is_file():
            raise FileNotFoundError(
                f'The teacher {teacher.model} ({pretrained}) is not in the folder {folder}: put its file '
                f'{name or "there"} there, or name one with --cfg-options model.target_generator.pretrained=FILE.'
            )
        teacher.pretrained = str(folder / name)

    def predict(self, samples: list[Sample]) -> list[tuple[np.ndarray, np.ndarray]]:
        """Cosines (h, w) and the first mask (h, w) of each sample."""
        data = self.model.data_preprocessor(self.collate(samples), False)
        images = data['inputs']
        if 'mask' not in data['data_samples'][0]:
            raise UserError('The test pipeline makes no mask: give it eva_mm.EvenPatchMask before PackInputs.')
        masks = torch.stack([torch.as_tensor(sample.mask) for sample in data['data_samples']]).bool().to(images.device)
        target = self.model.target_generator(images)
        similarity = self._similarity(images, masks, target) + self._similarity(images, ~masks, target)
        return list(zip(similarity.cpu().numpy(), masks.cpu().numpy()))

    def _similarity(self, images: Tensor, masks: Tensor, target: Tensor) -> Tensor:
        """Cosines (B, h, w) at hidden patches, 0 elsewhere."""
        tokens, hidden = self.model.backbone(images, masks)
        cosines = torch.zeros(hidden.shape, device=images.device)
        cosines[hidden] = F.cosine_similarity(self.model.head(tokens, hidden).float(), target[hidden].float(), dim=-1)
        return cosines.view_as(masks)

    def describe(self, result: Result, sample: Sample, output: Any, pictures: bool) -> Result:
        """Fill in ``grid``, ``mean`` and ``similarity``; draw pixels, one mask, and the cosines as colours."""
        similarity, mask = output
        result.prediction = dict(
            grid=list(similarity.shape),
            mean=round(float(similarity.mean()), 5),
            similarity=np.round(similarity.astype(float), 4).tolist(),
        )
        if pictures:
            pixels = enlarge(seen_pixels(sample, tuple(sample.data['inputs'].shape[-2:])))
            size = pixels.shape[:2]
            hidden = resize_blocks(mask[..., None].repeat(3, axis=2).astype(np.uint8), size)
            masked = np.where(hidden == 1, np.uint8(127), pixels)
            text = f'similarity to the teacher: mean {similarity.mean():.3f} (dark 0, bright 1)'
            result.picture = add_caption(beside(pixels, masked, heat_map(similarity, size)), [(text, 0.0)])
        return result
