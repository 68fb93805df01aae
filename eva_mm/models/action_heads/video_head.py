"""The classifier of EVA's video models."""

from collections.abc import Sequence

from mmaction.models.heads import TimeSformerHead
from mmengine.logging import print_log
from torch import Tensor

from eva_mm.checkpoint import convert_state_dict, read_checkpoint
from eva_mm.checkpoint.class_rows import NO_ROW, read_class_rows, select_class_rows
from eva_mm.registry import MODELS


@MODELS.register_module()
class EVAVideoHead(TimeSformerHead):
    """mmaction2's linear head, which can start from the classifier of other classes.

    The released fine-tuning to Kinetics-400, 600 and 700 takes the rows of the 722-way classifier that belong to the
    same class names.

    Args:
        num_classes: Classes K.
        in_channels: Channels C of the features.
        start_from: ``None`` starts at random. ``dict(checkpoint=FILE, rows=FILE)``: the first is any EVA video
            checkpoint, the second its row map as ``tools/dataset_converters/make_k722.py`` writes it; classes
            without a row start at random. Without ``rows`` the classes are the same.
        init_std: Standard deviation of a random start. The release scales a truncated normal of 0.02 by 0.001, so
            that the first loss is the logarithm of the number of classes.
        kwargs: As for mmaction2's ``TimeSformerHead``; ``label_smooth_eps``, ``average_clips``, ``topk``, ...

    Raises:
        ValueError: On ``init_weights``: the checkpoint has no classifier, or it does not fit the row map.
    """

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        start_from: dict[str, str] | None = None,
        init_std: float = 2e-5,
        **kwargs,
    ) -> None:
        super().__init__(num_classes, in_channels, init_std=init_std, **kwargs)
        if start_from is not None and not {'checkpoint'} <= set(start_from) <= {'checkpoint', 'rows'}:
            raise ValueError(f'start_from={start_from} is unknown: give dict(checkpoint=FILE, rows=FILE).')
        self.start_from = start_from

    def init_weights(self) -> None:
        """Initialise at random, then take the rows that ``start_from`` names."""
        super().init_weights()
        if self.start_from is not None:
            self._start_from(**self.start_from)

    def loss_by_feat(self, cls_scores: Tensor, data_samples: Sequence) -> dict[str, Tensor]:
        """Loss and accuracy of scores (B, classes), as in mmaction2, which cannot count hits in bfloat16."""
        return super().loss_by_feat(cls_scores.float(), data_samples)

    def _start_from(self, checkpoint: str, rows: str | None = None) -> None:
        weights = convert_state_dict(read_checkpoint(checkpoint), 'video').state_dict
        if 'cls_head.fc_cls.weight' not in weights:
            raise ValueError(
                f'{checkpoint} has no classifier to start from: give a video checkpoint, or start_from=None.'
            )
        chosen = range(self.num_classes) if rows is None else read_class_rows(rows)
        if rows is None and len(weights['cls_head.fc_cls.weight']) != self.num_classes:
            raise ValueError(
                f'{checkpoint} knows {len(weights["cls_head.fc_cls.weight"])} classes, this head {self.num_classes}: '
                'name a row map in start_from.rows.'
            )
        for name, parameter in self.fc_cls.named_parameters():
            parameter.data = select_class_rows(weights[f'cls_head.fc_cls.{name}'], chosen, parameter.data)
        fresh = sum(row == NO_ROW for row in chosen)
        print_log(
            f'{self.num_classes - fresh} of {self.num_classes} classes start from {checkpoint}, {fresh} at random.',
            logger='current',
        )
