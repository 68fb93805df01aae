"""A picture with things on it, and exactly which pixels belong to which thing."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from .digits import COLOURS, ink, pick_colour, pick_digit
from .places import CONTRAST, pick_place, view
from .sources import Place
from .world import World

SIDE = 84
DIGIT_SIDES = (45, 80)
MAX_TILT = 10
OPAQUE = 0.5
SOFT_EDGE = 0.05
PLACEMENTS_TRIED = 40


@dataclass
class Thing:
    """One thing on a scene.

    Attributes:
        name: its class.
        square: (top, left, side) it was painted in.
        mask: its visible pixels, bool, (H, W).
        colour: name of its colour, if it has one.
    """

    name: str
    square: tuple[int, int, int]
    mask: np.ndarray
    colour: str = ''

    @property
    def box(self) -> list[int]:
        """[left, top, width, height] of the visible pixels, in pixels."""
        rows, columns = (np.flatnonzero(self.mask.any(axis)) for axis in (1, 0))
        left, top = int(columns[0]), int(rows[0])
        return [left, top, int(columns[-1]) + 1 - left, int(rows[-1]) + 1 - top]


@dataclass
class Scene:
    """A picture in the making.

    Attributes:
        pixels: RGB in 0..255, float32, (H, W, 3).
        place: what the photograph behind shows.
        things: from back to front.
        soft: pixels that a thing covers in part, bool, (H, W).
    """

    pixels: np.ndarray
    place: Place
    things: list[Thing] = field(default_factory=list)
    soft: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        self.soft = np.zeros(self.shape, bool)

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W)."""
        return self.pixels.shape[:2]

    @property
    def image(self) -> np.ndarray:
        """RGB, uint8, (H, W, 3)."""
        return np.clip(np.rint(self.pixels), 0, 255).astype(np.uint8)

    def paint(self, name: str, alpha: np.ndarray, paint: np.ndarray, top: int, left: int, colour: str = '') -> None:
        """Put a thing in front of all others.

        Args:
            name: class of the thing.
            alpha: opacity in 0..1, (S, S).
            paint: its colour, (3,), or its pixels, (S, S, 3), in 0..255.
            top: first row of the square.
            left: first column of the square.
            colour: name of the colour, if it has one.
        """
        side = len(alpha)
        window = (slice(top, top + side), slice(left, left + side))
        self.pixels[window] += (paint - self.pixels[window]) * alpha[..., None]
        mask = np.zeros(self.shape, bool)
        mask[window] = alpha >= OPAQUE
        for behind in self.things:
            behind.mask &= ~mask
        self.soft &= ~mask
        self.soft[window] |= (alpha > SOFT_EDGE) & (alpha < OPAQUE)
        self.things.append(Thing(name, (top, left, side), mask, colour))

    def free_corner(self, rng: np.random.Generator, side: int) -> tuple[int, int]:
        """(top, left) of a square that overlaps what is painted already as little as possible."""
        height, width = self.shape
        tries = rng.integers(0, (height - side + 1, width - side + 1), size=(PLACEMENTS_TRIED, 2))
        overlaps = [sum(_overlap((*place, side), thing.square) for thing in self.things) for place in tries]
        return tuple(tries[int(np.argmin(overlaps))].tolist())


def blank_scene(
    world: World,
    rng: np.random.Generator,
    split: str,
    shape: tuple[int, int] = (SIDE, SIDE),
    contrast: float = CONTRAST,
) -> Scene:
    """A view of a photograph with nothing on it yet."""
    place = pick_place(rng, world.sources)
    return Scene(view(rng, place, split, shape, contrast), place)


def add_digit(
    world: World,
    rng: np.random.Generator,
    scene: Scene,
    split: str,
    label: int,
    sides: tuple[int, int] = DIGIT_SIDES,
    tilt: float = MAX_TILT,
) -> Thing:
    """Paint a bright digit of class ``label`` at a random free place, its side within ``sides``."""
    side = int(rng.integers(sides[0], sides[1] + 1))
    alpha = ink(pick_digit(rng, world.sources, split, label), side, rng.uniform(-tilt, tilt))
    colour = pick_colour(rng)
    scene.paint(str(label), alpha, np.float32(COLOURS[colour]), *scene.free_corner(rng, side), colour)
    return scene.things[-1]


def crowd_sides(count: int) -> tuple[int, int]:
    """Sides for ``count`` digits that share a scene of about 112 pixels."""
    return ((64, 82), (54, 70), (46, 56))[count - 1]


def _overlap(one: Sequence[int], other: Sequence[int]) -> int:
    top, left = (max(one[axis], other[axis]) for axis in (0, 1))
    bottom, right = (min(one[axis] + one[2], other[axis] + other[2]) for axis in (0, 1))
    return max(0, bottom - top) * max(0, right - left)
