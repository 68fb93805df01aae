"""What the EoMT heads of mmdet and mmseg share. Losses, matching and prediction are those of the host's Mask2Former."""

from collections.abc import Mapping, Sequence
from typing import Any

from mmengine.config import ConfigDict
from mmengine.model import BaseModule
from torch import Tensor, nn

from eva_mm.registry import MODELS, TASK_UTILS

# as Mask2Former (arXiv 2112.01527) and EoMT (arXiv 2503.19108) both have them
LOSS_CLS = dict(type='mmdet.CrossEntropyLoss', use_sigmoid=False, loss_weight=2.0, reduction='mean')
LOSS_MASK = dict(type='mmdet.CrossEntropyLoss', use_sigmoid=True, loss_weight=5.0, reduction='mean')
LOSS_DICE = dict(
    type='mmdet.DiceLoss', use_sigmoid=True, activate=True, naive_dice=True, eps=1.0, loss_weight=5.0, reduction='mean'
)
TRAIN_CFG = dict(
    num_points=12544,
    oversample_ratio=3.0,
    importance_sample_ratio=0.75,
    assigner=dict(
        type='mmdet.HungarianAssigner',
        match_costs=[
            dict(type='mmdet.ClassificationCost', weight=2.0),
            dict(type='mmdet.CrossEntropyLossCost', weight=5.0, use_sigmoid=True),
            dict(type='mmdet.DiceCost', weight=5.0, pred_act=True, eps=1.0),
        ],
    ),
    sampler=dict(type='mmdet.MaskPseudoSampler'),
)
NO_OBJECT_WEIGHT = 0.1


class SegmentsHead(BaseModule):
    """Base beside a host's ``Mask2FormerHead``, whose decoders it does not build: ``eva_mm.EVAViTEoMT`` needs none.

    Args:
        in_channels: Channels of the queries.
        num_classes: Classes of things and of stuff, "no object" not counted.
        loss_cls, loss_mask, loss_dice: Entries that replace those of the losses above. ``class_weight`` of the first
            defaults to 1 for each class and 0.1 for "no object".
        train_cfg: Points, assigner and sampler; ``None``: ``TRAIN_CFG``.
        test_cfg: The host's.
    """

    def _build(
        self,
        in_channels: int,
        num_classes: int,
        loss_cls: Mapping[str, Any] | None,
        loss_mask: Mapping[str, Any] | None,
        loss_dice: Mapping[str, Any] | None,
        train_cfg: Mapping[str, Any] | None,
        test_cfg: Mapping[str, Any] | None,
    ) -> None:
        self.num_classes, self.num_queries = num_classes, 0
        self.cls_embed = nn.Linear(in_channels, num_classes + 1)
        self.train_cfg, self.test_cfg = ConfigDict({**TRAIN_CFG, **(train_cfg or {})}), test_cfg
        self.assigner = TASK_UTILS.build(self.train_cfg.assigner)
        self.sampler = TASK_UTILS.build(self.train_cfg.sampler, default_args=dict(context=self))
        self.num_points = self.train_cfg.num_points
        self.oversample_ratio = self.train_cfg.oversample_ratio
        self.importance_sample_ratio = self.train_cfg.importance_sample_ratio
        weights = dict(class_weight=[1.0] * num_classes + [NO_OBJECT_WEIGHT])
        classify = {**LOSS_CLS, **weights, **(loss_cls or {})}
        self.class_weight = classify['class_weight']
        if len(self.class_weight) != num_classes + 1:
            raise ValueError(
                f'loss_cls.class_weight has {len(self.class_weight)} weights for {num_classes} classes and "no object".'
            )
        self.loss_cls = MODELS.build(classify)
        self.loss_mask = MODELS.build({**LOSS_MASK, **(loss_mask or {})})
        self.loss_dice = MODELS.build({**LOSS_DICE, **(loss_dice or {})})

    def init_weights(self) -> None:
        """Nothing to build upon: the classifier keeps torch's initialisation, as in EoMT."""
        BaseModule.init_weights(self)

    def forward(
        self, x: Sequence[tuple[Tensor, Tensor]], batch_data_samples: Sequence[Any]
    ) -> tuple[list[Tensor], list[Tensor]]:
        """What the queries say, block by block, to class logits (B, Q, K + 1) and mask logits (B, Q, h, w), in fp32."""
        self.num_queries = x[0][0].shape[1]
        return [self.cls_embed(queries).float() for queries, _ in x], [masks.float() for _, masks in x]
