"""Cascade R-CNN whose heads are trained in fp32 whatever the backbone's precision."""

from collections.abc import Mapping

import torch
from mmdet.models.detectors import CascadeRCNN
from mmengine.logging import print_log
from torch import Tensor

from eva_mm.checkpoint import load_model
from eva_mm.registry import MODELS


@MODELS.register_module()
class EVACascadeRCNN(CascadeRCNN):
    """mmdet's ``CascadeRCNN``; under mixed precision its features are cast to fp32 and no head sees autocast.

    That is how the release trains: backbone and pyramid in fp16, everything behind them in fp32.

    ``init_cfg=dict(type='Pretrained', checkpoint=...)`` takes any EVA checkpoint for the whole detector: of the same
    classes, of others (the classifiers start afresh), of a detector without masks, or of a backbone alone.
    """

    def init_weights(self) -> None:
        """Initialise every part, then load what ``init_cfg`` names."""
        init_cfg = self.init_cfg
        if not (isinstance(init_cfg, Mapping) and init_cfg.get('type') == 'Pretrained'):
            super().init_weights()
            return
        self.init_cfg = None
        super().init_weights()
        self.init_cfg = init_cfg
        print_log(str(load_model(self, init_cfg['checkpoint'], 'detection')), logger='current')

    def loss(self, batch_inputs: Tensor, batch_data_samples: list) -> dict[str, Tensor]:
        """Losses of a batch (B, 3, H, W)."""
        features = tuple(each.float() for each in self.extract_feat(batch_inputs))
        with torch.autocast(batch_inputs.device.type, enabled=False):
            return super().loss(features, batch_data_samples)

    def extract_feat(self, batch_inputs: Tensor | tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Images (B, 3, H, W) to the pyramid's maps; maps, which :meth:`loss` passes on, stay as they are."""
        if isinstance(batch_inputs, tuple):
            return batch_inputs
        return super().extract_feat(batch_inputs)
