"""Photographs, damaged files, a video and a small teacher, for inference with random nano models."""

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_sample_image

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope='session')
def photos(tmp_path_factory):
    """A folder with two photographs of different size, in a sub-folder too."""
    folder = tmp_path_factory.mktemp('photos')
    (folder / 'more').mkdir()
    china, flower = (Image.fromarray(load_sample_image(f'{name}.jpg')) for name in ('china', 'flower'))
    china.resize((160, 107)).save(folder / 'china.png')
    flower.crop((100, 0, 400, 427)).resize((90, 128)).save(folder / 'more' / 'flower.png')
    return folder


@pytest.fixture(scope='session')
def damaged(tmp_path_factory):
    """Files that are no images, by what is wrong."""
    folder = tmp_path_factory.mktemp('damaged')
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(folder / 'whole.jpg')
    content = (folder / 'whole.jpg').read_bytes()
    (folder / 'whole.jpg').unlink()
    (folder / 'cut.jpg').write_bytes(content[: len(content) // 2])
    (folder / 'empty.png').touch()
    (folder / 'text.jpg').write_text('no image')
    return folder


@pytest.fixture(scope='session')
def clip(tmp_path_factory):
    """A video of 20 frames; frame i is plain grey of brightness 10 i."""
    av = pytest.importorskip('av')
    path = tmp_path_factory.mktemp('videos') / 'clip.mp4'
    with av.open(str(path), 'w') as container:
        stream = container.add_stream('mpeg4', rate=Fraction(10))
        stream.height, stream.width, stream.pix_fmt = 32, 48, 'yuv420p'
        for index in range(20):
            frame = np.full((32, 48, 3), 10 * index, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format='rgb24')))
        container.mux(stream.encode(None))
    return path


@pytest.fixture(scope='session')
def teacher(tmp_path_factory):
    """An open_clip folder with a random teacher of the nano size."""
    import open_clip

    folder = tmp_path_factory.mktemp('teacher')
    config = dict(
        embed_dim=64,
        vision_cfg=dict(image_size=84, layers=1, width=32, head_width=16, patch_size=14),
        text_cfg=dict(context_length=8, vocab_size=64, width=16, heads=2, layers=1),
    )
    (folder / 'open_clip_config.json').write_text(json.dumps({'model_cfg': config, 'preprocess_cfg': {}}))
    torch.save(open_clip.CLIP(**config).state_dict(), folder / 'open_clip_pytorch_model.bin')
    return folder


@pytest.fixture(scope='session')
def nano():
    """Build the inferencer of a nano config with random weights."""
    from eva_mm.apis import build_inferencer

    def build(name, **options):
        torch.manual_seed(0)
        return build_inferencer(ROOT / f'configs/nano/{name}.py', False, **options)

    return build
