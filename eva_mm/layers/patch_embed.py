"""Pixels to tokens."""

from torch import Tensor, nn


def scale_gradient(x: Tensor, factor: float) -> Tensor:
    """The identity, whose gradient is multiplied by ``factor``: 1 leaves it, 0 cuts it."""
    if factor == 1:
        return x
    if factor == 0:
        return x.detach()
    return x.detach() * (1 - factor) + x * factor


class PatchEmbed(nn.Module):
    """Convolution whose stride is its kernel, for images or for clips.

    Args:
        in_channels: Channels of the input.
        embed_dims: Channels C of a token.
        patch_size: (p_h, p_w) for images, (p_t, p_h, p_w) for clips.
        grad_scale: Factor on the gradient that reaches this layer. The released code has 1 in pre-training and video,
            0 in classification and detection; 0.1 is its optional ``stop_grad_conv1`` of pre-training.
    """

    def __init__(
        self, in_channels: int, embed_dims: int, patch_size: tuple[int, ...], grad_scale: float = 1.0
    ) -> None:
        super().__init__()
        self.patch_size = tuple(patch_size)
        self.grad_scale = grad_scale
        conv = {2: nn.Conv2d, 3: nn.Conv3d}[len(self.patch_size)]
        self.proj = conv(in_channels, embed_dims, self.patch_size, stride=self.patch_size)

    def forward(self, x: Tensor) -> tuple[Tensor, tuple[int, ...]]:
        """(B, 3, H, W) or (B, 3, T, H, W) to tokens (B, N, C) and their grid.

        Raises:
            ValueError: A side of the input is no multiple of the patch.
        """
        if any(side % patch for side, patch in zip(x.shape[2:], self.patch_size)):
            raise ValueError(
                f'The input of size {tuple(x.shape[2:])} cannot be cut into patches of {self.patch_size}: '
                'resize or pad it to a multiple of the patch size.'
            )
        x = scale_gradient(self.proj(x), self.grad_scale)
        return x.flatten(2).transpose(1, 2), tuple(x.shape[2:])
