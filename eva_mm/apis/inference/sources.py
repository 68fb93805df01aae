"""What a user may point to: files, folders, patterns, videos, addresses, a webcam, arrays."""

import glob
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from eva_mm.apis.errors import UserError
from eva_mm.datasets.video.lists import SUFFIXES as VIDEO_SUFFIXES
from eva_mm.safe_io.download import is_address
from eva_mm.safe_io.folders import list_files
from eva_mm.safe_io.images import IMAGE_SUFFIXES
from eva_mm.safe_io.printed import printable

FRAMES = 8


@dataclass(frozen=True)
class VideoFrame:
    """One frame of a video file, at a share of its length."""

    path: Path
    share: float


@dataclass(frozen=True)
class Input:
    """One thing to look at.

    Attributes:
        name: What it is called in results.
        source: A file, an address, a frame of a video, or pixels (H, W, 3) uint8, RGB.
    """

    name: str
    source: Path | str | VideoFrame | np.ndarray


def _is_video(path: Path) -> bool:
    return path.suffix.lower() in VIDEO_SUFFIXES


def _files(path: Path, media: str, frames: int) -> Iterator[Input]:
    if media == 'video' or not _is_video(path):
        yield Input(str(path), path)
        return
    for index in range(frames):
        yield Input(f'{path}#{index}', VideoFrame(path, (index + 0.5) / frames))


def _in_folder(folder: Path, media: str) -> list[Path]:
    suffixes = set(VIDEO_SUFFIXES) if media == 'video' else set(IMAGE_SUFFIXES)
    found = list_files(folder, suffixes)
    if remark := found.remark():
        print(f'{printable(folder)}: {remark}', file=sys.stderr)
    if not found.files:
        raise UserError(f'{folder} holds no {media} ({", ".join(sorted(suffixes))}): give another folder.')
    return found.files


def read_webcam(index: int) -> np.ndarray:
    """One picture of a webcam: (H, W, 3) uint8, RGB.

    Raises:
        UserError: There is no such webcam, or it gives no picture.
    """
    import cv2

    camera = cv2.VideoCapture(index)
    try:
        # the first pictures of many webcams are dark
        pictures = [camera.read() for _ in range(5)] if camera.isOpened() else [(False, None)]
    finally:
        camera.release()
    taken, picture = pictures[-1]
    if not taken:
        raise UserError(f'There is no webcam {index}, or another program uses it: connect one, or give a file.')
    return np.ascontiguousarray(picture[..., ::-1])


def _find(argument: Any, media: str, frames: int) -> Iterator[Input]:
    if isinstance(argument, Input):
        yield argument
    elif isinstance(argument, np.ndarray):
        yield Input('array', argument)
    elif is_address(argument):
        yield Input(argument, argument)
    elif Path(argument).is_dir():
        for path in _in_folder(Path(argument), media):
            yield from _files(path, media, frames)
    elif Path(argument).exists():
        yield from _files(Path(argument), media, frames)
    elif str(argument).isdecimal():
        if media == 'video':
            raise UserError(f'A webcam ({argument}) gives pictures, and this model takes videos: give a video file.')
        yield Input(f'webcam-{argument}', read_webcam(int(argument)))
    else:
        for path in sorted(glob.glob(str(argument), recursive=True)):
            yield from _find(Path(path), media, frames)


def check_inputs(arguments: Iterable[Any]) -> None:
    """Refuse what does not exist, before a model is built for it.

    Raises:
        UserError: Nothing was given, or there is no such file.
    """
    arguments = list(arguments)
    if not arguments:
        raise UserError('There is nothing to look at: give at least one file, folder, pattern, address or webcam.')
    for argument in arguments:
        text = str(argument)
        is_known = isinstance(argument, (Input, np.ndarray)) or is_address(text) or text.isdecimal()
        if not is_known and not Path(text).exists() and not glob.glob(text, recursive=True):
            raise UserError(
                f'There is no {text!r}: give a file, a folder, a pattern in quotes, an http(s) address or the number '
                'of a webcam.'
            )


def find_inputs(arguments: Iterable[str | os.PathLike], media: str = 'image', frames: int = FRAMES) -> list[Input]:
    """All that is to be looked at.

    Args:
        arguments: Files, folders (searched with their sub-folders), patterns such as ``'photos/*.jpg'``, http(s)
            addresses, numbers of webcams, arrays.
        media: What the model takes, ``'image'`` or ``'video'``.
        frames: How many frames of a video a model for images looks at, evenly spread.

    Returns:
        At least one; files have not been opened, addresses not been fetched.

    Raises:
        UserError: A file, folder or webcam does not exist, a folder holds nothing of this kind, nothing was given, or
            ``frames`` is not positive.
    """
    arguments = list(arguments)
    check_inputs(arguments)
    if frames < 1:
        raise UserError(f'frames={frames} must be positive.')
    return [each for argument in arguments for each in _find(argument, media, frames)]
