"""Principal components of patch features."""

import numpy as np
import pytest
import torch
from PIL import Image

from eva_mm.apis.errors import UserError
from eva_mm.apis.inference.features import principal_colours


def test_components_are_found_and_ordered():
    """Features made of three known patterns of falling strength."""
    generator = torch.Generator().manual_seed(0)
    patterns = torch.linalg.qr(torch.randn(64, 3, generator=generator))[0].unflatten(0, (8, 8))
    directions = torch.linalg.qr(torch.randn(16, 3, generator=generator))[0].T
    centred = patterns - patterns.mean(dim=(0, 1))
    colours, explained = principal_colours(centred * torch.tensor([9.0, 3.0, 1.0]) @ directions + 5)
    assert colours.shape == (8, 8, 3) and 0 <= colours.min() and colours.max() <= 1
    assert explained.sum() == pytest.approx(1, abs=1e-5) and explained[0] > explained[1] > explained[2] > 0
    stacked = torch.stack((centred[..., 0].flatten(), colours[..., 0].flatten()))
    assert torch.corrcoef(stacked)[0, 1].abs() > 0.95


def test_degenerate_features_have_colours():
    for features in (torch.ones(3, 4, 5), torch.rand(1, 1, 5), torch.rand(4, 4, 2)):
        colours, explained = principal_colours(features)
        assert colours.isfinite().all() and explained.isfinite().all()


@pytest.mark.parametrize('name', ['pretrain', 'classification', 'clip', 'segmentation', 'detection'])
def test_every_image_model_has_features(nano, photos, name):
    inferencer = nano(name, task='features')
    paths = [photos / 'china.png', photos / 'more' / 'flower.png']
    results = inferencer(paths, batch_size=2)
    for result, path in zip(results, paths):
        rows, columns = result.prediction['grid']
        assert result.arrays['features'].shape == (rows, columns, result.prediction['channels'])
        assert result.prediction['channels'] == 96 and result.picture.ndim == 3
        width, height = Image.open(path).size
        if name in ('segmentation', 'detection'):
            # the whole image in its shape, without the padding of the batch
            assert rows / columns == pytest.approx(height / width, rel=0.2)
        else:
            assert rows == columns == 6
    assert not np.array_equal(results[0].arrays['features'][:4, :4], results[1].arrays['features'][:4, :4])


def test_features_are_the_tokens_behind_the_last_block(nano, photos):
    inferencer = nano('pretrain', task='features')
    model = inferencer.model
    (result,) = inferencer(photos / 'china.png')
    pixels = result.picture[:, : (result.picture.shape[1] - 4) // 2]
    small = pixels[2::4, 2::4][..., ::-1].copy()  # enlarged fourfold, back to 84 pixels and OpenCV's order
    assert small.shape == (84, 84, 3)
    with torch.no_grad():
        images = model.data_preprocessor(
            dict(inputs=torch.from_numpy(small).permute(2, 0, 1)[None], data_samples=[None]), False
        )['inputs']
        tokens = model.extract_feat(images)[0, 1:]
        mine = torch.from_numpy(result.arrays['features']).flatten(0, 1)
        assert torch.allclose(model.backbone.norm(mine), tokens, atol=1e-4)


def test_zoom_gives_more_patches(nano, photos):
    (result,) = nano('pretrain', task='features', zoom=2)(photos / 'china.png')
    assert result.prediction['grid'] == [12, 12]
    with pytest.raises(UserError, match='zoom=0'):
        nano('pretrain', task='features', zoom=0)


def test_videos_have_no_features_to_draw(nano):
    with pytest.raises(UserError, match='is a video model, not for features'):
        nano('video', task='features')
