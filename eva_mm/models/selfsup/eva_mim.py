"""EVA's masked image modelling as an mmpretrain algorithm."""

import torch
from mmpretrain.models.selfsup.base import BaseSelfSupervisor
from mmpretrain.structures import DataSample
from torch import Tensor

from eva_mm.registry import MODELS


@MODELS.register_module()
class EVAMIM(BaseSelfSupervisor):
    """Regress the features that a frozen CLIP sees in the patches hidden from the student (arXiv 2211.07636).

    Student and teacher get the same pixels: one crop, and one normalisation unless the teacher has one of its own.

    Args:
        backbone: :class:`eva_mm.EVAPretrainViT` (EVA-g) or :class:`eva_mm.EVAMAEViT` (EVA-L).
        head: :class:`eva_mm.MaskedFeatureHead`.
        target_generator: :class:`eva_mm.CLIPTeacher` or :class:`eva_mm.FrozenTeacher`. It is no sub-module: it enters
            neither the optimizer, nor the checkpoint, nor the buckets of DDP.
        data_preprocessor: mmpretrain's ``SelfSupDataPreprocessor``.
        init_cfg: mmengine's.
    """

    def __init__(
        self,
        backbone: dict,
        head: dict,
        target_generator: dict,
        data_preprocessor: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(
            backbone=backbone,
            head=head,
            target_generator=target_generator,
            data_preprocessor=data_preprocessor,
            init_cfg=init_cfg,
        )
        if hasattr(self.target_generator, 'take_input_of'):
            self.target_generator.take_input_of(self.data_preprocessor)

    def init_weights(self) -> None:
        """Initialise the student; load the teacher, so that a missing file is found before the data are."""
        super().init_weights()
        self.target_generator.load()

    @staticmethod
    def _unpack(inputs: Tensor | list[Tensor], data_samples: list[DataSample]) -> tuple[Tensor, Tensor | None]:
        """Images (B, 3, H, W), and the masks of the samples (B, h, w) where they have one."""
        images = inputs[0] if isinstance(inputs, (list, tuple)) else inputs
        if 'mask' not in data_samples[0]:
            return images, None
        masks = [torch.as_tensor(sample.mask, device=images.device) for sample in data_samples]
        return images, torch.stack(masks).bool()

    def loss(self, inputs: Tensor | list[Tensor], data_samples: list[DataSample]) -> dict[str, Tensor]:
        """Loss of a batch: images (B, 3, H, W) whose samples carry ``mask`` (h, w), unless the student draws it."""
        images, mask = self._unpack(inputs, data_samples)
        tokens, mask = self.backbone(images, mask)
        return self.head.loss(tokens, self.target_generator(images), mask)

    def predict(self, inputs: Tensor | list[Tensor], data_samples: list[DataSample]) -> list[DataSample]:
        """Set ``mim_loss`` on every sample: the negative mean cosine similarity of its hidden patches."""
        images, mask = self._unpack(inputs, data_samples)
        tokens, mask = self.backbone(images, mask)
        target = self.target_generator(images)
        for index, sample in enumerate(data_samples):
            one = slice(index, index + 1)
            sample.set_field(self.head.loss(tokens[one], target[one], mask[one])['loss'].item(), 'mim_loss')
        return data_samples

    def forward(
        self, inputs: Tensor | list[Tensor], data_samples: list[DataSample] | None = None, mode: str = 'tensor'
    ) -> Tensor | dict | list[DataSample]:
        """mmengine's entry; ``mode`` is ``'tensor'`` (nothing hidden), ``'loss'`` or ``'predict'``."""
        if mode == 'predict':
            return self.predict(inputs, data_samples)
        return super().forward(inputs, data_samples, mode)

    def extract_feat(self, inputs: Tensor | list[Tensor]) -> Tensor:
        """Tokens of images with nothing hidden: (B, 3, H, W) to (B, 1 + N, C)."""
        images = inputs[0] if isinstance(inputs, (list, tuple)) else inputs
        patches, grid = self.backbone.patch_embed(images)
        return self.backbone.run_blocks(self.backbone.embed(patches, grid), grid)[-1]
