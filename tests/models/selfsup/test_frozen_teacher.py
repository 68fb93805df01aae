import pytest
import torch
from mmengine.registry import DefaultScope
from mmpretrain.structures import DataSample
from nano_pretraining import make_inputs
from torch.nn import functional as F

from eva_mm.apis.options import TrainOptions, parse_cfg_options
from eva_mm.apis.train import prepare_training
from eva_mm.models.backbones import EVAViT
from eva_mm.registry import MODELS

TINY = dict(num_layers=2, embed_dims=48, num_heads=4)
FAMILIES = ['dinov3-small', 'dinov2-small-reg', 'siglip2-base', 'eva02-tiny', 'clip-base', 'large']


def _arch(name):
    return dict(name=name, **TINY, feedforward_channels=96)


@pytest.fixture
def backbone(tmp_path):
    """A backbone of a family with its weights in a file, as a config and as a model."""

    def make(name, **options):
        torch.manual_seed(0)
        options = dict(arch=_arch(name), img_size=48, patch_size=16, **options)
        model = EVAViT(**options, out_type='raw').eval()
        torch.save(model.state_dict(), tmp_path / 'teacher.pth')
        init = dict(type='Pretrained', checkpoint=str(tmp_path / 'teacher.pth'))
        return dict(type='eva_mm.EVAViT', **options, init_cfg=init), model

    return make


@pytest.fixture(autouse=True)
def _scope():
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        yield


def _mim(teacher, student='dinov3-small'):
    return MODELS.build(
        dict(
            type='eva_mm.EVAMIM',
            backbone=dict(type='eva_mm.EVAPretrainViT', arch=_arch(student), img_size=42, patch_size=14),
            head=dict(type='eva_mm.MaskedFeatureHead', embed_dims=48, out_channels=48),
            target_generator=dict(type='eva_mm.FrozenTeacher', **teacher),
            data_preprocessor=dict(
                type='SelfSupDataPreprocessor', mean=[122.0, 116.0, 104.0], std=[68.0, 66.0, 70.0], to_rgb=True
            ),
        )
    )


@pytest.mark.parametrize('family', FAMILIES)
def test_features_are_the_normalised_patch_tokens_of_any_family(family, backbone):
    config, model = backbone(family)
    teacher = MODELS.build(dict(type='eva_mm.FrozenTeacher', backbone=config))
    images = torch.randn(2, 3, 48, 64)
    with torch.no_grad():
        expected = model(images)[0][:, -12:]
    found = teacher(images)
    assert found.shape == (2, 12, 48)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize('student', FAMILIES)
def test_the_loss_of_any_student_is_the_cosine_to_the_teacher_on_the_same_pixels(student, backbone):
    """The teacher has other patches and another normalisation than the student."""
    config, model = backbone('dinov2-small-reg')
    imagenet = dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375])
    mim = _mim(dict(backbone=config, img_size=48, **imagenet), student).eval()
    mim.init_weights()
    pixels = torch.rand(2, 3, 42, 42) * 255
    mean, std = (torch.tensor(each).view(1, 3, 1, 1) for each in ([122.0, 116.0, 104.0], [68.0, 66.0, 70.0]))
    mask = torch.rand(2, 9) < 0.5
    samples = [DataSample() for _ in mask]
    for sample, one in zip(samples, mask):
        sample.set_mask(one.view(3, 3))
    images = (pixels - mean) / std
    loss = mim.loss(images, samples)['loss']
    own_mean, own_std = (torch.tensor(imagenet[key]).view(1, 3, 1, 1) for key in ('mean', 'std'))
    with torch.no_grad():
        seen = F.interpolate((pixels - own_mean) / own_std, (48, 48), mode='bicubic', antialias=True)
        target = model(seen)[0][:, -9:]
        prediction = mim.head.lm_head(mim.backbone(images, mask)[0][:, -9:])
        similarity = (F.normalize(prediction, dim=-1) * F.normalize(target, dim=-1)).sum(-1)
    assert loss.item() == pytest.approx(-similarity[mask].mean().item(), rel=1e-4)
    loss.backward()
    assert mim.backbone.mask_token.grad.abs().sum() > 0
    assert not [name for name, _ in mim.named_parameters() if 'teacher' in name or 'target' in name]


def test_another_grid_and_a_teacher_without_weights_are_refused(backbone):
    config, _ = backbone('dinov3-small')
    mim = _mim(dict(backbone=config, img_size=64))
    sample = DataSample()
    sample.set_mask(torch.ones(3, 3, dtype=torch.bool))
    with pytest.raises(ValueError, match=r'features of shape \(1, 16, 48\), the student expects \(1, 9, 48\)'):
        mim.loss(torch.randn(1, 3, 42, 42), [sample])
    with pytest.raises(ValueError, match='FrozenTeacher needs weights: set target_generator.backbone.init_cfg'):
        _mim(dict(backbone={**config, 'init_cfg': None}))
    with pytest.raises(ValueError, match='has mean or std alone'):
        _mim(dict(backbone=config, mean=[1.0, 2.0, 3.0]))


def test_a_config_changes_the_teacher_and_trains(backbone, tmp_path):
    config, _ = backbone('dinov2-small-reg')
    inputs = [each for each in make_inputs(tmp_path / 'inputs', 8) if 'target_generator' not in each]
    (tmp_path / 'x.py').write_text(f"""
_base_ = 'eva_mm::nano/pretrain.py'
model = dict(
    backbone=dict(arch=dict(_delete_=True, **{_arch('dinov3-small')})),
    head=dict(embed_dims=48, out_channels=48),
    target_generator=dict(
        _delete_=True, type='eva_mm.FrozenTeacher', backbone={config}, img_size=96,
        mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375]))
""")
    runner = prepare_training(
        TrainOptions(
            config=str(tmp_path / 'x.py'),
            work_dir=str(tmp_path / 'run'),
            cfg_options=parse_cfg_options(
                [*inputs, 'train_dataloader.batch_size=4', 'train_cfg.max_epochs=1', 'param_scheduler.warmup_epochs=0']
            ),
            seed=0,
        )
    )
    before = runner.model.backbone.mask_token.clone()
    runner.train()
    assert runner.iter == 2 and not torch.equal(before, runner.model.backbone.mask_token)
