"""Pixels to tokens."""

from torch import Tensor, nn
from torch.nn import functional as F


def scale_gradient(x: Tensor, factor: float) -> Tensor:
    """The identity, whose gradient is multiplied by ``factor``: 1 leaves it, 0 cuts it."""
    if factor in (0, 1):
        return x if factor else x.detach()
    return x.detach() * (1 - factor) + x * factor


def pad_to_multiple(x: Tensor, patch_size: tuple[int, ...]) -> Tensor:
    """Pad (..., H, W) with zeros at the bottom and right until the sides are divisible by those of a patch."""
    height, width = ((patch - side % patch) % patch for side, patch in zip(x.shape[-2:], patch_size[-2:]))
    return F.pad(x, (0, width, 0, height)) if height or width else x


class PatchEmbed(nn.Module):
    """Convolution whose stride is its kernel, for images or for clips.

    Args:
        in_channels, embed_dims: Channels of the input, and C of a token.
        patch_size: (p_h, p_w) for images, (p_t, p_h, p_w) for clips.
        grad_scale: Factor on the gradient of this layer; released are 1, 0 and 0.1 (``stop_grad_conv1``).
        bias: Whether the convolution has a bias.
        pad: Take any height and width, see :func:`pad_to_multiple`.
    """

    def __init__(
        self,
        in_channels: int,
        embed_dims: int,
        patch_size: tuple[int, ...],
        grad_scale: float = 1.0,
        bias: bool = True,
        pad: bool = False,
    ) -> None:
        super().__init__()
        self.patch_size, self.grad_scale, self.pad = tuple(patch_size), grad_scale, pad
        conv = {2: nn.Conv2d, 3: nn.Conv3d}[len(self.patch_size)]
        self.proj = conv(in_channels, embed_dims, self.patch_size, stride=self.patch_size, bias=bias)

    def forward(self, x: Tensor) -> tuple[Tensor, tuple[int, ...]]:
        """(B, 3, H, W) or (B, 3, T, H, W), divisible by the patch, to tokens (B, N, C) and their grid."""
        x = pad_to_multiple(x, self.patch_size) if self.pad else x
        if any(side % patch for side, patch in zip(x.shape[2:], self.patch_size)):
            problem = f'The input of size {tuple(x.shape[2:])} cannot be cut into patches of {self.patch_size}'
            raise ValueError(f'{problem}: resize or pad it to a multiple of the patch size, or set pad_to_patch=True.')
        x = scale_gradient(self.proj(x), self.grad_scale)
        return x.flatten(2).transpose(1, 2), tuple(x.shape[2:])
