"""The test pipeline of a config, on inputs that are in no data set."""

import struct
import zlib
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from mmengine.config import Config, ConfigDict
from mmengine.registry import TRANSFORMS, DefaultScope
from PIL import Image

from eva_mm.apis.errors import UserError
from eva_mm.apis.inference.classes import evaluated_dataset
from eva_mm.apis.inference.sources import Input, VideoFrame
from eva_mm.datasets.faults import Fault
from eva_mm.datasets.video.reader import open_video
from eva_mm.safe_io.download import fetched
from eva_mm.safe_io.images import DEFAULT_LIMITS, Limits, check_size, opened_image
from eva_mm.safe_io.printed import printable, reason_of

# what transforms and decoders raise for pixels that they cannot use
READ_ERRORS = (
    OSError, ValueError, AssertionError, SyntaxError, EOFError, IndexError, KeyError, TypeError, OverflowError,
    MemoryError, struct.error, zlib.error, cv2.error, Image.DecompressionBombError,
)  # fmt: skip
# steps that read labels, which inputs do not have
_LABEL_STEPS = ('LoadAnnotations', 'LoadPanopticAnnotations', 'LoadProposals', 'CLIPTokenize')
_SHOWN_FRAMES = 4


@dataclass(frozen=True)
class Sample:
    """One input on its way through a model.

    Attributes:
        data: What the pipeline made of it.
        picture: (H, W, 3) uint8, RGB: the image as it was read, or a few frames side by side.
    """

    data: dict[str, Any]
    picture: np.ndarray


def _check_pixels(pixels: np.ndarray, limits: Limits) -> None:
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
        raise ValueError(f'it is of shape {pixels.shape} and {pixels.dtype}, expected (H, W, 3) and uint8, RGB')
    check_size(pixels.shape[1], pixels.shape[0], limits)


def _check_file(path: Path, limits: Limits) -> None:
    """Refuse what is too large, and what OpenCV would silently read in part."""
    with opened_image(path, limits) as image:
        image.load()


def _read_frame(frame: VideoFrame) -> np.ndarray:
    reader = open_video(frame.path)
    return reader.read([int(frame.share * len(reader))])[0]


def _side_by_side(frames: list[np.ndarray]) -> np.ndarray:
    chosen = np.linspace(0, len(frames) - 1, min(_SHOWN_FRAMES, len(frames))).round().astype(int)
    return np.concatenate([frames[index] for index in chosen], axis=1)


class Pipeline:
    """Reads inputs as the config's evaluation does, without labels.

    Args:
        cfg: A whole config.

    Attributes:
        media: ``'image'`` or ``'video'``.
        limits: How large an image may be.

    Raises:
        UserError: The config has no test pipeline, or one that reads neither images nor videos.
    """

    def __init__(self, cfg: Config) -> None:
        dataset = evaluated_dataset(cfg)
        self.num_frames = dataset.get('num_frames')
        self.limits = DEFAULT_LIMITS
        steps = [step for step in dataset['pipeline'] if step['type'].split('.')[-1] not in _LABEL_STEPS]
        if str(dataset.get('type')).endswith('MergedImages'):  # which reads images itself
            reader = dict(type='LoadImageFromFile', imdecode_backend='pillow', color_type='color_ignore_orientation')
            steps.insert(0, ConfigDict(reader))
        first = steps[0]['type'].split('.')[-1] if steps else 'nothing'
        if first not in ('LoadImageFromFile', 'OpenVideo'):
            raise UserError(
                f'The test pipeline begins with {first}, expected LoadImageFromFile or eva_mm.OpenVideo: give a config '
                'whose test pipeline has one of them.'
            )
        self.media = 'video' if first == 'OpenVideo' else 'image'
        with DefaultScope.overwrite_default_scope(cfg.get('default_scope')):
            self.reader, *self.steps = (TRANSFORMS.build(step) for step in steps)

    def __call__(self, item: Input) -> Sample:
        """Read and transform one input.

        Raises:
            ValueError: It cannot be used; the sentence has its name and what is wrong.
        """
        try:
            with fetched(item.source) if isinstance(item.source, str) else nullcontext(item.source) as source:
                return self._video(source) if self.media == 'video' else self._image(source)
        except Fault as error:
            raise ValueError(str(error)) from error
        except READ_ERRORS as error:
            reason = reason_of(error).rstrip('.')
            raise ValueError(f'{printable(item.name)} cannot be used ({reason}): replace it.') from error

    def _image(self, source: Path | VideoFrame | np.ndarray) -> Sample:
        if isinstance(source, Path):
            _check_file(source, self.limits)
            results = self.reader(dict(img_path=str(source), img_id=0))
        else:
            pixels = _read_frame(source) if isinstance(source, VideoFrame) else source
            _check_pixels(pixels, self.limits)
            size = pixels.shape[:2]
            # pipelines work on OpenCV's order of colours
            results = dict(img=pixels[..., ::-1].copy(), img_shape=size, ori_shape=size, img_path='', img_id=0)
        picture = np.ascontiguousarray(results['img'][..., ::-1])
        for step in self.steps:
            results = step(results)
        return Sample(results, picture)

    def _video(self, source: Path | np.ndarray) -> Sample:
        if not isinstance(source, Path):
            raise ValueError('this model takes video files')
        results: Mapping[str, Any] = self.reader(
            dict(filename=str(source), num_frames=self.num_frames, start_index=0, modality='RGB')
        )
        picture = None
        for step in self.steps:
            results = step(results)
            if picture is None and 'imgs' in results:
                clip = results.get('clip_len') or len(results['imgs'])
                picture = _side_by_side(list(results['imgs'][:clip]))
        return Sample(results, picture)
