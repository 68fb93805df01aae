"""Similarity of student and teacher in hidden patches."""

import numpy as np
import pytest
import torch

from eva_mm.apis.inference import build_inferencer


@pytest.fixture(scope='module')
def inferencer(nano, teacher):
    return nano('pretrain', cfg_options={'model.target_generator.model': f'local-dir:{teacher}'})


def test_the_hidden_half_agrees_with_the_loss_of_the_model(inferencer, photos):
    (result,) = inferencer(photos / 'china.png')
    similarity = np.array(result.prediction['similarity'])
    assert similarity.shape == tuple(result.prediction['grid']) == (6, 6)
    assert result.prediction['mean'] == pytest.approx(similarity.mean(), abs=1e-4)
    sample = inferencer.pipeline(_inputs(photos / 'china.png')[0])
    for mask in (sample.data['data_samples'].mask, ~np.asarray(sample.data['data_samples'].mask)):
        batch = inferencer.collate([sample])
        batch['data_samples'][0].mask = mask
        with torch.no_grad():
            (predicted,) = inferencer.model.test_step(batch)
        assert similarity[np.asarray(mask)].mean() == pytest.approx(-predicted.mim_loss, abs=1e-3)


def _inputs(path):
    from eva_mm.apis.inference import find_inputs

    return find_inputs([path])


def test_a_student_that_says_what_the_teacher_says_is_bright(inferencer, photos, monkeypatch):
    target = torch.randn(1, 36, 64)
    monkeypatch.setattr(inferencer.model, 'target_generator', lambda images: target)
    monkeypatch.setattr(inferencer.model.head, 'forward', lambda tokens, mask: 3 * target[mask])
    (result,) = inferencer(photos / 'china.png')
    assert np.allclose(result.prediction['similarity'], 1)
    height, width = result.picture.shape[:2]
    heat = result.picture[: height // 2, -width // 4 :]
    assert heat.reshape(-1, 3).mean(axis=0) == pytest.approx([253, 231, 37], abs=2), 'the bright end of viridis'


def test_a_missing_teacher_is_named_and_not_downloaded(nano, tmp_path):
    with pytest.raises(FileNotFoundError, match='local-dir:gone'):
        nano('pretrain', cfg_options={'model.target_generator.model': 'local-dir:gone'})
    with pytest.raises(FileNotFoundError, match=f'not in the folder {tmp_path}: put its file ViT-L-14.pt'):
        build_inferencer('mim', False, weights_dir=tmp_path)
