"""How sure a mask is of itself, as a factor on the score of its box."""

from torch import Tensor


def maskness(masks: Tensor, threshold: float) -> Tensor:
    """Mean probability over the pixels of a mask that exceed ``threshold``; 0 for an empty mask.

    Args:
        masks: Probabilities (N, h, w).
        threshold: What a foreground pixel exceeds; the release has 0.5.

    Returns:
        (N,).
    """
    foreground = masks > threshold
    pixels = foreground.sum(dim=(1, 2))
    return (masks * foreground).sum(dim=(1, 2)) / pixels.clamp(min=1)
