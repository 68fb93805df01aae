"""Plain image backbones inside mmaction's two-dimensional recognizers."""

from collections.abc import Sequence

from torch import Tensor, nn

from eva_mm.registry import MODELS


@MODELS.register_module()
class FrameNeck(nn.Module):
    """Average the maps of the frames of a clip, for mmaction's heads.

    ``Recognizer2D`` unpacks the tuple that OpenMMLab's backbones return only for types whose scope is ``mmpretrain``;
    with a neck it takes ``eva_mm.EVAViT`` too, and expects the neck to merge the frames. The mean before a linear head
    equals the average of the frames' scores.
    """

    def forward(self, x: Sequence[Tensor], data_samples: list | None = None) -> tuple[Tensor, dict]:
        """One map (B, C, T, H, W) to (B, C, 1, H, W) and no auxiliary losses.

        Raises:
            ValueError: The backbone gives more than one map.
        """
        if len(x) != 1:
            raise ValueError(f'FrameNeck takes one map, the backbone gives {len(x)}: set out_indices to one block.')
        return x[0].mean(dim=2, keepdim=True), {}
