"""Kinetics' layout: short encoded videos of a digit that moves, and mmaction2's lists.

No single frame tells the class: it is what changes from frame to frame.
"""

import io
from fractions import Fraction

import av
import numpy as np

from .digits import COLOURS, ink, pick_colour, pick_digit
from .files import write_bytes, write_lines
from .scene import SIDE, Scene, blank_scene
from .world import NUM_DIGITS, World

NAME = 'kinetics'
SIZES = {'train': 1000, 'val': 120}
CLASSES = ('moving sideways', 'moving up or down', 'changing size', 'fading')
FRAMES, FRAMES_PER_SECOND = 12, 10
BITS_PER_SECOND = 1_500_000
SIDES, SMALL, LARGE = (28, 38), (18, 24), (66, 80)
TRAVEL = (38, 46)
TILT = 20
FAINT = 0.1


def write(world: World, split: str, index: int) -> tuple[str, int]:
    """Write one video; return its file name and class."""
    key = f'{NAME}/{split}'
    rng, label = world.rng(key, index), world.label(key, index, len(CLASSES))
    scene = blank_scene(world, rng, split)
    digit = pick_digit(rng, world.sources, split, int(rng.integers(NUM_DIGITS)))
    paint = np.float32(COLOURS[pick_colour(rng)])
    frames = []
    for side, top, left, angle, strength in path_of(rng, CLASSES[label]):
        frame = Scene(scene.pixels.copy(), scene.place)
        frame.paint('digit', strength * ink(digit, side, angle), paint, top, left)
        frames.append(frame.image)
    name = f'{split:_<5}{index:06d}_000000_{FRAMES // FRAMES_PER_SECOND:06d}.mp4'
    write_bytes(world.out / NAME / split / name, encode_video(frames))
    return name, label


def path_of(rng: np.random.Generator, name: str) -> list[tuple[int, int, int, float, float]]:
    """Where the digit is in each frame: (side, top, left, degrees anticlockwise, opacity)."""
    steps = np.linspace(-0.5, 0.5, FRAMES) * rng.choice([-1, 1])
    still = np.zeros(FRAMES)
    side = still + rng.uniform(*SIDES)
    dx = dy = still
    angle, strength = still + rng.uniform(-TILT, TILT), still + rng.uniform(0.7, 1)
    if name == 'moving sideways':
        dx = steps * rng.uniform(*TRAVEL)
    elif name == 'moving up or down':
        dy = steps * rng.uniform(*TRAVEL)
    elif name == 'changing size':
        small, large = rng.uniform(*SMALL), rng.uniform(*LARGE)
        side = (small + large) / 2 + steps * (large - small)
    else:
        side, strength = still + rng.uniform(*LARGE), (1 + FAINT) / 2 + steps * (1 - FAINT)
    sides = np.rint(side).astype(int)
    room_y, room_x = (SIDE / 2 - sides.max() / 2 - abs(shift).max() for shift in (dy, dx))
    centre_y, centre_x = (SIDE / 2 + rng.uniform(-room, room) for room in (room_y, room_x))
    tops = np.rint(centre_y + dy - sides / 2).astype(int).clip(0, SIDE - sides)
    lefts = np.rint(centre_x + dx - sides / 2).astype(int).clip(0, SIDE - sides)
    columns = (sides, tops, lefts, angle, strength)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def encode_video(frames: list[np.ndarray]) -> bytes:
    """Encode RGB frames, (H, W, 3) uint8, as an MPEG-4 file."""
    buffer = io.BytesIO()
    with av.open(buffer, 'w', format='mp4') as container:
        stream = container.add_stream('mpeg4', rate=Fraction(FRAMES_PER_SECOND))
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt, stream.bit_rate = 'yuv420p', BITS_PER_SECOND
        stream.thread_count = 1
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format='rgb24')))
        container.mux(stream.encode(None))
    return buffer.getvalue()


def finish(world: World, records: dict[str, list[tuple[str, int]]]) -> None:
    """Write ``{train,val}_list.txt``, paths below the split's folder, and the class names."""
    for split, videos in records.items():
        lines = (f'{name} {label}' for name, label in videos)
        write_lines(world.out / NAME / f'{split}_list.txt', lines)
    write_lines(world.out / NAME / 'classes.txt', CLASSES)


def preview(world: World) -> list[tuple[np.ndarray, str]]:
    """One strip of frames per class."""
    lines = (world.out / NAME / 'val_list.txt').read_text().splitlines()
    first = {int(label): name for name, label in (line.split() for line in reversed(lines))}
    cells = []
    for label, name in sorted(first.items()):
        with av.open(str(world.out / NAME / 'val' / name)) as container:
            frames = [frame.to_ndarray(format='rgb24') for frame in container.decode(video=0)]
        cells.append((np.hstack([frames[0], frames[FRAMES // 2], frames[-1]]), CLASSES[label]))
    return cells
