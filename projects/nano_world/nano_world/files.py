"""Writing pictures and text so that the same content is the same bytes."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

JPEG_QUALITY = 90


def encode(image: np.ndarray, suffix: str = '.jpg') -> bytes:
    """Encode RGB (H, W, 3) or a map (H, W), uint8, as ``.jpg`` or ``.png``."""
    pixels = image[:, :, ::-1] if image.ndim == 3 else image
    options = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY] if suffix == '.jpg' else []
    return cv2.imencode(suffix, np.ascontiguousarray(pixels), options)[1].tobytes()


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file, making its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """Write one line each, every one ended."""
    write_bytes(path, ''.join(f'{line}\n' for line in lines).encode())


def write_json(path: Path, content: Any) -> None:
    """Write compact json."""
    write_bytes(path, json.dumps(content, separators=(',', ':')).encode())


def read_image(path: Path) -> np.ndarray:
    """RGB, uint8, (H, W, 3)."""
    return np.ascontiguousarray(cv2.imread(str(path), cv2.IMREAD_COLOR)[:, :, ::-1])
