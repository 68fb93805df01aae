"""Tells the loss how many training images each class is in."""

from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import Runner

from eva_mm.registry import HOOKS


def image_counts(dataset: Any) -> list[int]:
    """Images of each class of a data set with ``metainfo['classes']`` and ``get_cat_ids(index)``."""
    counts = [0] * len(dataset.metainfo['classes'])
    for index in range(len(dataset)):
        for label in set(dataset.get_cat_ids(index)):
            counts[label] += 1
    return counts


@HOOKS.register_module()
class ClassFrequencyHook(Hook):
    """Before training, gives every loss with ``set_image_counts`` the counts of the training set.

    ``eva_mm.FederatedLoss`` draws its negative classes by them, and keeps them in its checkpoints.
    """

    def before_train(self, runner: Runner) -> None:
        """Count the images and hand the counts over.

        Raises:
            ValueError: No part of the model takes them.
        """
        model = getattr(runner.model, 'module', runner.model)
        losses = [part for part in model.modules() if hasattr(part, 'set_image_counts')]
        if not losses:
            raise ValueError(
                f'ClassFrequencyHook found no loss in {type(model).__name__} that takes image counts: '
                'remove the hook, or set loss_cls to eva_mm.FederatedLoss.'
            )
        counts = image_counts(runner.train_dataloader.dataset)
        for loss in losses:
            loss.set_image_counts(counts)
