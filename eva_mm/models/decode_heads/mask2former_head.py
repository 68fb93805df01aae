"""mmsegmentation's Mask2Former head with activation checkpointing and the release's order of inference."""

from functools import partial

import torch
from mmseg.models.decode_heads import Mask2FormerHead
from mmseg.structures import SegDataSample
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from eva_mm.registry import MODELS


def _recompute_in_backward(module: nn.Module) -> None:
    module.forward = partial(checkpoint, module.forward, use_reentrant=False)


def prediction_size(meta: dict, test_cfg: dict) -> tuple[int, ...]:
    """(H, W) of what a segmentor predicts: of the window in sliding-window mode, else of the padded image."""
    return tuple(meta['img_shape'] if test_cfg['mode'] == 'slide' else meta.get('pad_shape', meta['img_shape']))[:2]


@MODELS.register_module()
class EVAMask2FormerHead(Mask2FormerHead):
    """Mask2Former (arXiv 2112.01527) on the maps of ``EVAViTAdapter``.

    Class scores are made at stride 4, from mask probabilities, and enlarged then, as in the release. mmseg's own head
    enlarges the masks' logits first. It also takes the size of its prediction from ``pad_shape`` wherever there is one:
    in sliding-window mode that is the size of the whole padded image, not of the window, and the windows cannot be put
    together.

    Args:
        with_cp: Activation checkpointing of the layers of pixel decoder and transformer decoder.
        kwargs: As for mmseg's ``Mask2FormerHead``.
    """

    def __init__(self, with_cp: bool = False, **kwargs) -> None:
        super().__init__(**kwargs)
        if with_cp:
            for layer in (*self.pixel_decoder.encoder.layers, *self.transformer_decoder.layers):
                _recompute_in_backward(layer)

    def predict(self, x: tuple[Tensor, ...], batch_img_metas: list[dict], test_cfg: dict) -> Tensor:
        """Class scores of each pixel.

        Args:
            x: Maps of strides 4, 8, 16 and 32.
            batch_img_metas: As mmseg gives them; in sliding-window mode ``img_shape`` is the size of the window.
            test_cfg: The segmentor's, with ``mode``.

        Returns:
            (B, K, H, W), sums over the queries of class probability times mask probability; not normalised.
        """
        scores, masks = self(x, [SegDataSample(metainfo=meta) for meta in batch_img_metas])
        probabilities = scores[-1].softmax(dim=-1)[..., :-1]
        maps = torch.einsum('bqc,bqhw->bchw', probabilities, masks[-1].sigmoid())
        size = prediction_size(batch_img_metas[0], test_cfg)
        return F.interpolate(maps, size=size, mode='bilinear', align_corners=self.align_corners)
