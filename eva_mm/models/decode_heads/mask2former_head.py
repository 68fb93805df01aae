"""mmsegmentation's Mask2Former head with activation checkpointing, usable with sliding windows and padding."""

from functools import partial

from mmseg.models.decode_heads import Mask2FormerHead
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from eva_mm.registry import MODELS


def _recompute_in_backward(module: nn.Module) -> None:
    module.forward = partial(checkpoint, module.forward, use_reentrant=False)


@MODELS.register_module()
class EVAMask2FormerHead(Mask2FormerHead):
    """Mask2Former (arXiv 2112.01527) on the maps of ``EVAViTAdapter``.

    mmseg's own head takes the size of its prediction from ``pad_shape`` wherever there is one. In sliding-window mode
    that is the size of the whole padded image, not of the window, and the windows cannot be put together.

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
        if test_cfg['mode'] == 'slide':
            batch_img_metas = [
                {key: value for key, value in meta.items() if key != 'pad_shape'} for meta in batch_img_metas
            ]
        return super().predict(x, batch_img_metas, test_cfg)
