import pytest
import torch

from eva_mm.checkpoint import convert_state_dict
from eva_mm.layers import resize_position_embedding
from eva_mm.models.backbones import EVAPretrainViT
from eva_mm.models.backbones.eva_vit_adapter import EVAViTAdapter
from eva_mm.registry import MODELS
from tests.helpers.parity import assert_near

ARCH = dict(embed_dims=32, num_layers=4, num_heads=2, feedforward_channels=48)
SMALL = dict(arch=ARCH, img_size=32, prior_channels=4, deform_num_heads=2)
RELEASED = ['seg_adapter_a.pt', 'seg_adapter_b.pt']


def _built(config, arch, **kwargs):
    return EVAViTAdapter(
        arch,
        config['img_size'],
        interaction_indexes=config['interaction_indexes'],
        relative_position_bias=config['use_rel_pos_bias'],
        layer_scale_init_value=config['init_values'],
        prior_channels=config['conv_inplane'],
        deform_num_heads=config['deform_num_heads'],
        drop_path_rate=config['drop_path_rate'],
        **kwargs,
    )


@pytest.fixture(params=RELEASED)
def released(request, reference, arch_of):
    """(golden file, model with its weights in evaluation mode)."""
    golden = reference(request.param)
    model = _built(golden['config'], arch_of(golden['config']))
    weights = {f'backbone.{name}': weight for name, weight in golden['state_dict'].items()}
    # what marks a released segmentor is its head
    weights['decode_head.transformer_decoder.layers.0.attentions.0.attn.in_proj_bias'] = torch.zeros(3)
    target = {f'backbone.{name}': weight for name, weight in model.state_dict().items()}
    conversion = convert_state_dict(weights, 'segmentation', target=target, only='backbone.')
    assert conversion.report.layout == 'eva-seg'
    assert not conversion.report.missing and not conversion.report.unexpected
    model.load_state_dict({k.removeprefix('backbone.'): v for k, v in conversion.state_dict.items()})
    return golden, model.eval()


def test_matches_the_released_maps_and_gradients(released):
    golden, model = released
    outs = model(golden['inputs']['image'])
    seed = int(golden['notes'].split('manual_seed(')[1].split('+')[0])
    loss = 0
    for index, out in enumerate(outs):
        expected = golden['outputs'][f'f{index + 1}']
        assert_near(out, expected)
        weights = torch.randn(out.shape, generator=torch.Generator().manual_seed(seed + index))
        loss = loss + (out * weights).mean()
    assert loss.item() == pytest.approx(golden['outputs']['probe_loss'], rel=1e-5)
    loss.backward()
    for name, norm in golden['outputs']['grad_norm'].items():
        name = name.replace('attn.relative_position', 'attn.rel_pos.relative_position')
        assert model.get_parameter(name).grad.norm().item() == pytest.approx(norm, rel=1e-4), name


@pytest.mark.parametrize('file', RELEASED)
def test_starts_as_the_released_model(file, reference, arch_of):
    golden = reference(file)
    model = _built(golden['config'], arch_of(golden['config']))
    model.init_weights()
    for name, expected in golden['outputs']['init'].items():
        parameter = model.get_parameter(name)
        assert parameter.mean().item() == pytest.approx(expected['mean'], abs=1e-6), name
        assert parameter.abs().max().item() == pytest.approx(expected['absmax'], abs=1e-6), name
    bias = model.interactions[0].injector.attn.sampling_offsets.bias
    assert torch.equal(bias, golden['outputs']['init_sampling_offsets_bias_injector0'])
    assert model.cls_token.std().item() == pytest.approx(0.02, rel=0.3)
    assert model.up.weight.std().item() == pytest.approx((2 / (4 * 48)) ** 0.5, rel=0.05)


def test_names_are_the_released_ones(reference, arch_of):
    for file in RELEASED:
        golden = reference(file)
        own = set(_built(golden['config'], arch_of(golden['config'])).state_dict())
        released = {
            name.replace('attn.relative_position_bias_table', 'attn.rel_pos.relative_position_bias_table')
            for name in golden['state_dict']
            if not name.endswith('relative_position_index')
        }
        assert own == released


@pytest.mark.parametrize('size', [(32, 32), (48, 80), (64, 33), (17, 50)])
@pytest.mark.parametrize('biased', [False, True])
def test_takes_images_of_any_size(size, biased):
    model = EVAViTAdapter(**SMALL, relative_position_bias=biased)
    model.init_weights()
    grid = [-(-side // 16) for side in size]
    outs = model.eval()(torch.randn(1, 3, *size))
    sides = [[4 * g for g in grid], [2 * g for g in grid], grid, [-(-g // 2) for g in grid]]
    assert [list(out.shape) for out in outs] == [[1, 32, *side] for side in sides]
    assert all(out.isfinite().all() for out in outs)


def test_the_class_token_has_no_position():
    model = EVAViTAdapter(**SMALL).eval()
    image = torch.randn(1, 3, 32, 32)
    before = model(image)
    model.pos_embed.data[:, 0] += 1
    assert all(torch.equal(*pair) for pair in zip(before, model(image)))
    model.pos_embed.data[:, 1] += 1
    assert not torch.equal(before[2], model(image)[2])


def test_every_parameter_gets_a_gradient_and_checkpointing_changes_none():
    plain = EVAViTAdapter(**SMALL, relative_position_bias=True, layer_scale_init_value=1.0)
    plain.init_weights()
    for interaction in plain.interactions:
        interaction.injector.gamma.data.normal_()
        for attention in [m.attn for m in (interaction.injector, interaction.extractor, *interaction.extra_extractors)]:
            attention.attention_weights.weight.data.normal_()
    thrifty = EVAViTAdapter(**SMALL, relative_position_bias=True, layer_scale_init_value=1.0, with_cp=True)
    thrifty.load_state_dict(plain.state_dict())
    image = torch.randn(2, 3, 48, 48)
    for model in (plain, thrifty):
        sum(out.square().sum() for out in model.train()(image)).backward()
    for (name, one), other in zip(plain.named_parameters(), thrifty.parameters()):
        assert one.grad is not None and one.grad.abs().max() > 0, name
        torch.testing.assert_close(one.grad, other.grad, rtol=1e-4, atol=1e-4, msg=name)


def test_extractors_drop_with_the_full_rate_and_blocks_with_a_ramp():
    model = EVAViTAdapter(**SMALL, drop_path_rate=0.6)
    assert [block.drop_path.rate for block in model.blocks] == pytest.approx([0, 0.2, 0.4, 0.6])
    last = model.interactions[-1]
    extractors = [*(i.extractor for i in model.interactions), *last.extra_extractors]
    assert len(extractors) == 6
    assert {extractor.drop_path.rate for extractor in extractors} == {0.6}


def test_the_adapter_has_the_last_depth():
    model = EVAViTAdapter(**SMALL)
    for name, _ in model.named_parameters():
        depth, depths = model.get_layer_depth(f'backbone.{name}', 'backbone.')
        trunk = name.startswith('blocks.') or name.split('.')[0] in ('cls_token', 'pos_embed', 'patch_embed')
        assert (depth == depths - 1) is not trunk, name


def test_mim_weights_of_patch_14_start_the_trunk(tmp_path):
    pretrained = EVAPretrainViT(arch=ARCH, img_size=42)
    pretrained.init_weights()
    file = tmp_path / 'mim.pth'
    torch.save({'state_dict': {f'backbone.{k}': v for k, v in pretrained.state_dict().items()}}, file)
    model = EVAViTAdapter(**SMALL, init_cfg=dict(type='Pretrained', checkpoint=str(file)))
    model.init_weights()
    assert torch.equal(model.blocks[3].mlp.fc1.weight, pretrained.blocks[3].mlp.fc1.weight)
    assert model.patch_embed.proj.weight.shape[-1] == 16
    expected = resize_position_embedding(pretrained.pos_embed, (3, 3), (2, 2))
    torch.testing.assert_close(model.pos_embed, expected)
    assert model.interactions[0].injector.gamma.abs().max() == 0


def test_norms_can_be_frozen():
    model = EVAViTAdapter(**SMALL, norm_cfg=dict(type='BN', requires_grad=False, momentum=0.01))
    assert isinstance(model.norm1, torch.nn.BatchNorm2d) and model.norm1.momentum == 0.01
    assert not model.norm1.weight.requires_grad and not model.spm.stem[1].bias.requires_grad
    assert isinstance(EVAViTAdapter(**SMALL).norm1, torch.nn.SyncBatchNorm)


def test_is_imported_by_its_registered_name():
    assert MODELS.get('eva_mm.EVAViTAdapter') is EVAViTAdapter


@pytest.mark.parametrize(
    ('kwargs', 'message'),
    [
        (dict(patch_size=14), 'patch_size=14 does not fit the strides'),
        (dict(norm_cfg=dict(type='GN')), 'norm_cfg=.*GN.* is unknown'),
        (dict(interaction_indexes=[[0, 1], [1, 1], [2, 2], [3, 3]]), 'must be four groups'),
        (dict(interaction_indexes=[[0, 1], [2, 3]]), 'must be four groups'),
    ],
)
def test_wrong_arguments_are_refused(kwargs, message):
    with pytest.raises(ValueError, match=message):
        EVAViTAdapter(**{**SMALL, **kwargs})
