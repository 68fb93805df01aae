"""The Kinetics recipes at toy size: from an image file to 722-like classes, from there to twice the frames."""

from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope

pytest.importorskip('mmaction')

CONFIGS = Path(__file__).parents[3] / 'configs' / 'video'
TOY = dict(embed_dims=16, num_layers=2, num_heads=2, feedforward_channels=32)


def build(name: str, **options):
    from mmaction.registry import MODELS

    cfg = Config.fromfile(CONFIGS / f'{name}.py')
    init_default_scope(cfg.default_scope)
    cfg.model.backbone.update(arch=TOY, img_size=28)
    cfg.model.cls_head.in_channels = 16
    cfg.merge_from_dict({f'model.{key}': value for key, value in options.items()})
    for augment in (cfg.model.data_preprocessor.get('blending') or {}).get('augments', ()):
        augment.num_classes = cfg.model.cls_head.num_classes
    model = MODELS.build(cfg.model)
    model.init_weights()
    return model


@pytest.fixture
def k722(tmp_path):
    """A recognizer of 7 classes and 4 frames, and its checkpoint."""
    model = build('eva-g-p14_8f-224_k722', **{
        'backbone.num_frames': 4, 'backbone.init_cfg': None, 'cls_head.num_classes': 7
    })  # fmt: skip
    torch.save({'state_dict': model.state_dict()}, tmp_path / 'k722.pth')
    return model


def test_k400_starts_from_our_own_k722_checkpoint(k722, tmp_path):
    (tmp_path / 'rows.txt').write_text('6 g\n-1 new\n0 a\n')
    checkpoint = str(tmp_path / 'k722.pth')
    model = build('eva-g-p14_16f-224_k400', **{
        'backbone.num_frames': 8,
        'backbone.init_cfg.checkpoint': checkpoint,
        'cls_head.num_classes': 3,
        'cls_head.start_from': dict(checkpoint=checkpoint, rows=str(tmp_path / 'rows.txt')),
    })  # fmt: skip
    assert torch.equal(model.cls_head.fc_cls.weight[[0, 2]], k722.cls_head.fc_cls.weight[[6, 0]])
    assert torch.equal(model.backbone.blocks[1].mlp.fc2.weight, k722.backbone.blocks[1].mlp.fc2.weight)
    torch.testing.assert_close(model.backbone.pos_embed, k722.backbone._positions((8, 2, 2)))
    assert model.data_preprocessor.blending is None


def test_k722_training_mixes_and_k400_does_not(k722):
    from mmaction.structures import ActionDataSample

    data = dict(
        inputs=[torch.randint(0, 256, (1, 3, 4, 28, 28), dtype=torch.uint8) for _ in range(4)],
        data_samples=[ActionDataSample().set_gt_label(label) for label in range(4)],
    )
    mixed = k722.data_preprocessor(data, training=True)
    labels = torch.stack([sample.gt_label for sample in mixed['data_samples']])
    assert labels.shape == (4, 7) and torch.allclose(labels.sum(1), torch.ones(4))
    assert mixed['inputs'].shape == (4, 1, 3, 4, 28, 28)
    losses = k722(**mixed, mode='loss')
    losses['loss_cls'].backward()
    assert torch.isfinite(losses['loss_cls'])


def test_clips_are_normalised_as_imagenet(k722):
    clip = torch.full((1, 3, 4, 28, 28), 255, dtype=torch.uint8)
    from mmaction.structures import ActionDataSample

    inputs = k722.data_preprocessor(dict(inputs=[clip], data_samples=[ActionDataSample()]))['inputs']
    expected = [(255 - mean) / std for mean, std in ((123.675, 58.395), (116.28, 57.12), (103.53, 57.375))]
    torch.testing.assert_close(inputs[0, 0, :, 0, 0, 0], torch.tensor(expected))
