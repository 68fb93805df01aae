import pytest
import torch
from mmengine.registry import DefaultScope
from mmpretrain.structures import DataSample
from torch.nn import functional as F

from eva_mm.registry import MODELS
from tests.helpers.parity import assert_near

ARCH = dict(embed_dims=48, num_layers=3, num_heads=4, feedforward_channels=209)


@pytest.fixture(autouse=True)
def _scope():
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        yield


@pytest.fixture
def mim(teacher_folder):
    return MODELS.build(
        dict(
            type='eva_mm.EVAMIM',
            backbone=dict(type='eva_mm.EVAPretrainViT', arch=ARCH, img_size=56),
            head=dict(type='eva_mm.MaskedFeatureHead', embed_dims=48, out_channels=24),
            target_generator=dict(type='eva_mm.CLIPTeacher', model=f'local-dir:{teacher_folder}'),
        )
    )


def _samples(mask):
    samples = [DataSample() for _ in mask]
    for sample, one in zip(samples, mask):
        sample.set_mask(one.view(4, 4))
    return samples


def test_loss_and_gradients_match_the_released_code(reference, mim):
    data = reference('mim_pretrain_a.pt')
    weights = {
        ('head.' if key.startswith('lm_head') else 'backbone.') + key: value
        for key, value in data['state_dict'].items()
    }
    mim.load_state_dict(weights)
    mim.eval()
    mask = data['inputs']['bool_masked_pos'].bool()
    target = torch.zeros(2, 16, 24)
    target[mask] = data['inputs']['target']
    mim.target_generator = lambda images: target
    tokens, _ = mim.backbone(data['inputs']['image'], mask)
    assert_near(mim.head(tokens, mask), data['outputs']['pred'])
    loss = mim.loss(data['inputs']['image'], _samples(mask))['loss']
    assert loss.item() == pytest.approx(data['outputs']['loss'], rel=1e-5)
    loss.backward()
    for name, parameter in mim.named_parameters():
        expected = data['outputs']['grad_norm'][name.removeprefix('backbone.').removeprefix('head.')]
        assert parameter.grad.norm().item() == pytest.approx(expected, rel=1e-4), name
    grad_full = data['outputs']['grad_full']
    assert_near(mim.backbone.mask_token.grad, grad_full['mask_token'])


def test_the_teacher_is_in_no_state_dict_parameter_list_or_mode(mim):
    mim.init_weights()
    assert mim.target_generator.visual is not None
    assert not any('target_generator' in name or 'visual' in name for name in mim.state_dict())
    teacher = {id(p) for p in mim.target_generator.visual.parameters()}
    assert not teacher & {id(p) for p in mim.parameters()}
    mim.train()
    assert not mim.target_generator.visual.training
    mim.half()
    assert next(mim.target_generator.visual.parameters()).dtype == torch.float32


def test_predict_gives_each_image_its_loss(mim):
    mim.init_weights()
    mask = torch.rand(3, 16) > 0.5
    mask[:, 0] = True
    images = torch.randn(3, 3, 56, 56)
    with torch.no_grad():
        samples = mim(images, _samples(mask), mode='predict')
        each = [mim.loss(images[i : i + 1], _samples(mask[i : i + 1]))['loss'].item() for i in range(3)]
    assert [sample.mim_loss for sample in samples] == pytest.approx(each, abs=1e-6)


def test_mae_draws_its_own_mask(teacher_folder):
    decoder = dict(embed_dims=16, num_layers=1, num_heads=2, feedforward_channels=32)
    mim = MODELS.build(
        dict(
            type='eva_mm.EVAMIM',
            backbone=dict(type='eva_mm.EVAMAEViT', arch=ARCH, decoder_arch=decoder, img_size=56),
            head=dict(type='eva_mm.MaskedFeatureHead', embed_dims=16, out_channels=24, init_std=None),
            target_generator=dict(type='eva_mm.CLIPTeacher', model=f'local-dir:{teacher_folder}'),
        )
    )
    mim.init_weights()
    loss = mim([torch.randn(2, 3, 56, 56)], [DataSample(), DataSample()], mode='loss')['loss']
    loss.backward()
    assert mim.head.lm_head.weight.grad.abs().sum() > 0


def test_student_and_teacher_must_agree(mim):
    mim.init_weights()
    mask = torch.ones(1, 16, dtype=torch.bool)
    with pytest.raises(ValueError, match=r'features of shape \(1, 16, 24\), the student expects \(1, 16, 32\)'):
        mim.head.lm_head = torch.nn.Linear(48, 32)
        mim.loss(torch.randn(1, 3, 56, 56), _samples(mask))


def test_loss_is_fp32_cosine():
    from eva_mm.models.selfsup import MaskedFeatureHead

    head = MaskedFeatureHead(8, 4).bfloat16()
    tokens, target = torch.randn(1, 5, 8).bfloat16(), torch.randn(1, 4, 4).bfloat16()
    mask = torch.tensor([[True, False, True, True]])
    loss = head.loss(tokens, target, mask)['loss']
    prediction = head.lm_head(tokens[:, 1:][mask])
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, -F.cosine_similarity(prediction.float(), target[mask].float(), dim=-1).mean())
