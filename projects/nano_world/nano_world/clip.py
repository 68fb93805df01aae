"""Image-text shards as img2dataset writes LAION: tars of ``key.jpg``, ``key.txt``, ``key.json``."""

import io
import json
import tarfile
from typing import Any

import cv2
import numpy as np

from .digits import WORDS
from .files import encode, write_bytes
from .scene import SIDE, Scene, Thing, add_digit, blank_scene
from .world import World

NAME = 'clip'
SIZES = {'train': 6000, 'val': 500}
PAIRS_PER_SHARD = 500
# most captions speak of the digit alone: colours and places are easier, and would be learned first
DETAILED = 0.1
PLAIN_CAPTIONS = (
    'a photo of the digit {digit}',
    'a picture of the number {digit}',
    'the number {digit}',
    'the digit {digit}, written by hand',
    'a handwritten {digit}',
    '{digit}',
)
DETAILED_CAPTIONS = (
    'the digit {digit} in front of {noun}',
    'a photo of {noun} with the number {digit} on it',
    'the digit {digit} in {colour}',
    'the number {digit} {position}',
    'the digit {digit} in {colour}, {position}, in front of {noun}',
)
OFF_CENTRE = 6

Pair = tuple[bytes, str, dict[str, Any]]


def position(thing: Thing) -> str:
    """Where the thing is on its scene of 84 pixels, in words."""
    top, left, side = thing.square
    across, down = left + side / 2 - SIDE / 2, top + side / 2 - SIDE / 2
    if max(abs(across), abs(down)) < OFF_CENTRE:
        return 'in the middle'
    if abs(across) >= abs(down):
        return 'on the left' if across < 0 else 'on the right'
    return 'at the top' if down < 0 else 'at the bottom'


def caption(rng: np.random.Generator, scene: Scene, digit: str) -> str:
    """A true sentence about the scene; most speak of the digit alone."""
    thing = scene.things[0]
    templates = DETAILED_CAPTIONS if rng.random() < DETAILED else PLAIN_CAPTIONS
    return templates[rng.integers(len(templates))].format(
        digit=digit, noun=scene.place.noun, colour=thing.colour, position=position(thing)
    )


def write(world: World, split: str, index: int) -> Pair:
    """Make one pair: the encoded image, its caption and its record; ``finish`` packs them."""
    key = f'{NAME}/{split}'
    rng, label = world.rng(key, index), world.label(key, index)
    scene = blank_scene(world, rng, split)
    thing = add_digit(world, rng, scene, split, label)
    text = caption(rng, scene, WORDS[label])
    record = {
        'key': f'{index // PAIRS_PER_SHARD:05d}{index % PAIRS_PER_SHARD:04d}',
        'caption': text,
        'status': 'success',
        'width': SIDE,
        'height': SIDE,
        'digit': label,
        'place': scene.place.name,
        'colour': thing.colour,
        'position': position(thing),
    }
    return encode(scene.image), text, record


def finish(world: World, records: dict[str, list[Pair]]) -> None:
    """Pack the pairs into ``{train,val}-NNNNNN.tar``."""
    for split, pairs in records.items():
        for shard, start in enumerate(range(0, len(pairs), PAIRS_PER_SHARD)):
            content = pack(pairs[start : start + PAIRS_PER_SHARD])
            write_bytes(world.out / NAME / f'{split}-{shard:06d}.tar', content)


def pack(pairs: list[Pair]) -> bytes:
    """One tar file; no times and no owners in it, so the same pairs are the same bytes."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode='w', format=tarfile.USTAR_FORMAT) as tar:
        for image, text, record in pairs:
            files = {'jpg': image, 'txt': text.encode(), 'json': json.dumps(record).encode()}
            for suffix, content in files.items():
                member = tarfile.TarInfo(f'{record["key"]}.{suffix}')
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def preview(world: World) -> list[tuple[np.ndarray, str]]:
    """The first pairs of the first validation shard."""
    with tarfile.open(world.out / NAME / 'val-000000.tar') as tar:
        files = {member.name: tar.extractfile(member).read() for member in tar.getmembers()[:66]}
    stems = [name.removesuffix('.jpg') for name in files if name.endswith('.jpg')]
    return [
        (
            cv2.imdecode(np.frombuffer(files[f'{stem}.jpg'], np.uint8), cv2.IMREAD_COLOR)[:, :, ::-1],
            files[f'{stem}.txt'].decode(),
        )
        for stem in stems
    ]
