"""Sigmoid cross entropy over a few sampled classes, for vocabularies that images annotate only in part."""

from collections.abc import Sequence

import torch
from mmdet.models.losses import accuracy
from torch import Tensor, nn
from torch.nn import functional as F

from eva_mm.registry import MODELS


@MODELS.register_module()
class FederatedLoss(nn.Module):
    """Federated loss (arXiv 2103.07461) as the released LVIS detector has it, for ``loss_cls`` of a box head of mmdet.

    The loss of a batch is taken over its own classes and over others drawn without replacement, until there are
    ``num_sampled``; background counts as one of them. The rest of the vocabulary gets no gradient.

    Args:
        num_classes: Classes K of the vocabulary.
        num_sampled: Classes per batch; the release has 50. ``None`` keeps all: plain sigmoid cross entropy.
        frequency_power: A class is drawn with a probability proportional to its number of images to this power; the
            release has 0.5. The numbers are given by :meth:`set_image_counts`; until then all classes are equal.
        spare_logit: The classifier has K + 1 outputs, the last of which is never used, as released; off: K.
        loss_weight: Factor on the loss.
    """

    custom_cls_channels = True
    custom_activation = True
    custom_accuracy = True

    def __init__(
        self,
        num_classes: int,
        num_sampled: int | None = 50,
        frequency_power: float = 0.5,
        spare_logit: bool = True,
        loss_weight: float = 1.0,
    ) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.num_sampled = num_sampled
        self.frequency_power = frequency_power
        self.spare_logit = spare_logit
        self.loss_weight = loss_weight
        self.register_buffer('class_weights', torch.ones(num_classes))

    def set_image_counts(self, counts: Sequence[int]) -> None:
        """Set the chances of the classes from the number of training images that each is annotated in.

        Raises:
            ValueError: There are not K counts.
        """
        if len(counts) != self.num_classes:
            raise ValueError(
                f'{len(counts)} image counts were given for a loss of {self.num_classes} classes: '
                'set num_classes of the head to that of the data set.'
            )
        weights = torch.as_tensor(counts, dtype=torch.float32) ** self.frequency_power
        self.class_weights.copy_(weights)

    def get_cls_channels(self, num_classes: int) -> int:
        """Outputs of the classifier."""
        if num_classes != self.num_classes:
            raise ValueError(
                f'The box head has num_classes={num_classes} but its FederatedLoss num_classes={self.num_classes}: '
                'set both to the number of classes of the data set.'
            )
        return num_classes + int(self.spare_logit)

    def get_activation(self, cls_score: Tensor) -> Tensor:
        """Logits (N, K or K + 1) to probabilities (N, K + 1), the last of them, background's, zero."""
        return F.pad(cls_score[:, : self.num_classes].sigmoid(), (0, 1))

    def get_accuracy(self, cls_score: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Share in percent of the foreground rows whose class has the largest logit."""
        foreground = labels < self.num_classes
        scores = cls_score[foreground][:, : self.num_classes]
        return {'acc_classes': accuracy(scores, labels[foreground])}

    def sample_classes(self, labels: Tensor) -> Tensor:
        """Classes that the loss is taken over, K standing for background: (N,) to (at least ``num_sampled``,)."""
        present = labels.unique()
        missing = self.num_sampled - len(present)
        if missing <= 0:
            return present
        weights = F.pad(self.class_weights.float(), (0, 1))
        weights[present] = 0
        # a small vocabulary may have fewer classes left than wanted
        missing = min(missing, int(weights.count_nonzero()))
        if missing == 0:
            return present
        return torch.cat((present, weights.multinomial(missing, replacement=False)))

    def forward(
        self,
        cls_score: Tensor,
        labels: Tensor,
        weight: Tensor | None = None,
        avg_factor: float | None = None,
        reduction_override: str | None = None,
    ) -> Tensor:
        """Sum over the sampled foreground classes, divided by the number of rows.

        Args:
            cls_score: Logits (N, K or K + 1).
            labels: (N,), K is background.
            weight: (N,) factor on each row.
            avg_factor: Divisor instead of N.
            reduction_override: Only ``None`` is supported; mmdet's heads pass it.
        """
        if len(labels) == 0:
            return cls_score.sum() * 0
        targets = F.one_hot(labels, self.num_classes + 1)[:, : self.num_classes].to(cls_score)
        losses = F.binary_cross_entropy_with_logits(cls_score[:, : self.num_classes], targets, reduction='none')
        if weight is not None:
            losses = losses * weight[:, None]
        if self.num_sampled is not None:
            classes = self.sample_classes(labels)
            losses = losses[:, classes[classes < self.num_classes]]
        return self.loss_weight * losses.sum() / (avg_factor or len(labels))
