"""Cut-outs of photographs in full contrast: what gives LVIS its long tail."""

import cv2
import numpy as np

from .places import pick_place, view
from .scene import Scene, Thing
from .world import World

SIDES = (26, 38)


def _polygon(corners: int, inner: float = 1.0, turn: float = 0.0) -> np.ndarray:
    """Corners of a regular polygon or, with every other corner at radius ``inner``, of a star."""
    angles = np.arange(corners) * 2 * np.pi / corners + np.deg2rad(turn) - np.pi / 2
    radii = np.where(np.arange(corners) % 2, inner, 1.0)
    return np.stack([radii * np.cos(angles), radii * np.sin(angles)], axis=1)


SHAPES = {
    'disc': _polygon(48),
    'triangle': _polygon(3),
    'star': _polygon(10, inner=0.42),
    'square': _polygon(4, turn=45),
    'hexagon': _polygon(6),
    'cross': _polygon(8, inner=0.3),
}


def add_sticker(world: World, rng: np.random.Generator, scene: Scene, split: str, shape: str) -> Thing:
    """Paint the cut-out ``shape`` at a random free place."""
    side = int(rng.integers(SIDES[0], SIDES[1] + 1))
    shift = 4
    corners = (SHAPES[shape] + 1) * (side - 1) / 2
    alpha = np.zeros((side, side), np.uint8)
    cv2.fillPoly(alpha, [np.rint(corners * 2**shift).astype(np.int32)], 255, cv2.LINE_AA, shift)
    texture = view(rng, pick_place(rng, world.sources), split, (side, side), contrast=1.0)
    scene.paint(f'{shape}_sticker', alpha.astype(np.float32) / 255, texture, *scene.free_corner(rng, side))
    return scene.things[-1]
