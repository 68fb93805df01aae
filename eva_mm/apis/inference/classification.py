"""The likeliest classes of an image or a video: trained ones, or any text."""

from collections.abc import Sequence
from typing import Any

import torch
from mmengine.config import Config
from torch import nn

from eva_mm.apis.errors import UserError
from eva_mm.apis.inference.base import Inferencer, Result
from eva_mm.apis.inference.draw import add_caption
from eva_mm.apis.inference.pipeline import Sample


class ClassificationInferencer(Inferencer):
    """The likeliest classes of an image.

    Args:
        model, cfg, classes, half: See :class:`Inferencer`.
        topk: How many classes to name.

    Raises:
        UserError: ``topk`` is not positive.
    """

    task = 'classification'
    options = ('topk',)

    def __init__(
        self, model: nn.Module, cfg: Config, classes: Sequence[str] = (), half: bool = False, topk: int = 5
    ) -> None:
        if topk < 1:
            raise UserError(f'topk={topk} must be positive.')
        super().__init__(model, cfg, classes, half)
        self.topk = topk

    def describe(self, result: Result, sample: Sample, output: Any, pictures: bool) -> Result:
        """Fill in ``top``, and draw it below the picture."""
        scores, labels = torch.topk(output.pred_score.float().cpu(), min(self.topk, len(self.classes)))
        result.prediction = dict(
            top=[
                dict(label=label, name=self.classes[label], score=score)
                for label, score in zip(labels.tolist(), scores.tolist())
            ]
        )
        if pictures:
            lines = [(f'{best["score"]:.3f}  {best["name"]}', best['score']) for best in result.prediction['top']]
            result.picture = add_caption(sample.picture, lines)
        return result


class VideoInferencer(ClassificationInferencer):
    """The likeliest classes of a video, over all clips and crops of the test pipeline."""

    task = 'video'


class ZeroShotInferencer(ClassificationInferencer):
    """Which of some texts fits an image best: the softmax of 100 times the cosines (arXiv 2103.00020).

    Args:
        model, cfg, classes, half, topk: See :class:`ClassificationInferencer`.
        text_labels: The texts, each in the place of ``{}`` of every template; ``classes`` if ``None``.
        templates: Sentences with ``{}``, or a key of :data:`eva_mm.models.multimodal.zero_shot.TEMPLATES`; by default
            ``'{}'``, that is the texts as they are, for ``text_labels``, and else those of the config.

    Raises:
        UserError: There are fewer than two texts, or two are equal.
        ValueError: A template has no ``{}``.
    """

    task = 'zero-shot'
    options = ('topk', 'text_labels', 'templates')

    def __init__(
        self,
        model: nn.Module,
        cfg: Config,
        classes: Sequence[str] = (),
        half: bool = False,
        topk: int = 5,
        text_labels: Sequence[str] | None = None,
        templates: str | Sequence[str] | None = None,
    ) -> None:
        from eva_mm.models.multimodal.zero_shot import find_class_names

        own = model.zero_shot or {}
        texts = text_labels or classes
        names = find_class_names(texts or own.get('classes', ()))
        if len(set(names)) < max(len(names), 2):
            raise UserError(
                f'Zero-shot needs two or more different texts, got {names}: give for instance "a dog" "a cat".'
            )
        templates = templates or (('{}',) if text_labels else own.get('templates', ('{}',)))
        super().__init__(model, cfg, names, half, topk)
        model.zero_shot = dict(classes=names, templates=templates)
        # forgets the features of other texts
        model.train().eval()
        with torch.no_grad():
            model.classifier()
