"""How a digit of 8 x 8 pixels becomes bright ink on a scene, and what words speak of it."""

import cv2
import numpy as np

from .sources import Sources

WORDS = ('zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine')
# All bright: with dim colours, small networks learnt nothing in the minutes that they have.
COLOURS = {
    'white': (255, 255, 255),
    'yellow': (255, 240, 120),
    'cyan': (140, 245, 255),
    'pink': (255, 185, 225),
    'green': (175, 255, 155),
}
INK_EDGES = (0.3, 0.65)
# Half a pixel of room around the 8 x 8, where ink at the border of a digit fades out.
SOURCE_SIDE, ROOM = 8, 1


def pick_digit(rng: np.random.Generator, sources: Sources, split: str, label: int) -> np.ndarray:
    """A random digit image, (8, 8), of this class from this split's own images."""
    pool = sources.digits[split][label]
    return pool[rng.integers(len(pool))]


def pick_colour(rng: np.random.Generator) -> str:
    """The name of a bright colour."""
    return str(rng.choice(list(COLOURS)))


def ink(digit: np.ndarray, side: int, angle: float = 0.0, smooth: bool = True) -> np.ndarray:
    """Enlarge and turn a digit.

    Args:
        digit: (8, 8), ink in 0..1.
        side: side of the square returned, in pixels.
        angle: degrees, anticlockwise.
        smooth: interpolate and sharpen; otherwise the 8 x 8 blocks stay visible.

    Returns:
        Opacity in 0..1, float32, (side, side).
    """
    turn = cv2.getRotationMatrix2D(((SOURCE_SIDE - 1) / 2,) * 2, angle, side / (SOURCE_SIDE + ROOM))
    turn[:, 2] += (side - SOURCE_SIDE) / 2
    how = cv2.INTER_CUBIC if smooth else cv2.INTER_NEAREST
    alpha = cv2.warpAffine(digit, turn, (side, side), flags=how)
    if not smooth:
        return alpha
    low, high = INK_EDGES
    ramp = np.clip((alpha - low) / (high - low), 0, 1)
    return ramp * ramp * (3 - 2 * ramp)
