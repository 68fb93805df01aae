"""What holds for every family: each backbone, each option, one trunk."""

import copy
import itertools

import pytest
import torch
from torch import nn

from eva_mm.models.backbones import ARCH_ZOO, EVAMAEViT, EVAPretrainViT, EVAViT, EVAViTDet, EVAViTVideo
from eva_mm.models.backbones.eva_vit_adapter import EVAViTAdapter

# one of each set of parts
FAMILIES = (
    'base', 'eva02-tiny', 'eva02-base', 'eva02-clip-base', 'eva02-clip-enormous', 'dinov2-base', 'dinov2-giant-reg',
    'dinov3-base', 'dinov3-huge-plus', 'dinov3-7b', 'clip-base', 'open-clip-base', 'siglip-base', 'siglip2-so400m',
    'pe-core-base',
)  # fmt: skip
SIZES = dict(embed_dims=32, num_layers=4, num_heads=4, feedforward_channels=40)


def arch(name, **entries):
    return dict(name=name, **SIZES, **(dict(pool_heads=4) if ARCH_ZOO[name].pool_heads else {}), **entries)


def randomised(model):
    """Random weights everywhere, so that every part counts."""
    for name, parameter in model.named_parameters():
        nn.init.normal_(parameter, std=0.3)
        if parameter.ndim == 1 and name.endswith('weight'):
            parameter.data.add_(1)
    return model


@pytest.fixture(params=FAMILIES)
def name(request):
    return request.param


def small(name, kind=EVAViT, size=64, **kwargs):
    return randomised(kind(arch=arch(name), img_size=size, patch_size=16, **kwargs))


def test_every_parameter_has_a_depth_and_depths_rise(name):
    model = small(name)
    depths = {key: model.get_layer_depth(f'backbone.{key}', 'backbone.')[0] for key, _ in model.named_parameters()}
    for key, depth in depths.items():
        if key.startswith('blocks.'):
            assert depth == int(key.split('.')[1]) + 1
        else:
            last = key.split('.')[0] in ('norm', 'fc_norm', 'attn_pool')
            assert depth == (5 if last else 0), key
    assert {0, 1, 2, 3, 4, 5} == set(depths.values())


@pytest.mark.parametrize('with_cp', [True, 'selective'])
def test_checkpointing_changes_no_gradient_and_leaves_none_out(name, with_cp):
    plain = small(name)
    saving = small(name, with_cp=with_cp)
    saving.load_state_dict(plain.state_dict())
    image = torch.randn(2, 3, 64, 48)
    for model in (plain, saving):
        (model(image)[0] * torch.linspace(-1, 1, 32)).sum().backward()
    for (key, one), other in zip(plain.named_parameters(), saving.parameters()):
        assert one.grad is not None and one.grad.abs().sum() > 0, key
        torch.testing.assert_close(one.grad, other.grad, msg=key)


@pytest.mark.parametrize('depth', [0, 2, 5])
def test_frozen_stages(name, depth):
    model = small(name, frozen_stages=depth)
    for key, parameter in model.named_parameters():
        assert parameter.requires_grad is (model.get_layer_depth(key)[0] > depth), key
    assert [block.training for block in model.train().blocks] == [index >= depth for index in range(4)]


def test_windows_as_large_as_the_grid_are_global_attention(name):
    windowed = small(name, EVAViTDet, window_size=4, global_attn_indexes=(), freeze_patch_embed=False)
    whole = small(name, EVAViTDet, window_size=2, global_attn_indexes=range(4), freeze_patch_embed=False)
    weights = {key: value for key, value in whole.state_dict().items() if 'rel_pos' not in key}
    windowed.load_state_dict(weights, strict=False)
    for model in (windowed, whole):
        for key, parameter in model.named_parameters():
            if 'rel_pos' in key:
                nn.init.zeros_(parameter)
    image = torch.randn(1, 3, 64, 64)
    found, expected = windowed.eval()(image)[0], whole.eval()(image)[0]
    assert found.shape == (1, 32, 4, 4)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_a_detector_takes_any_grid_and_every_weight_is_trained(name):
    model = small(name, EVAViTDet, window_size=3, freeze_patch_embed=False)
    (found,) = model(torch.randn(1, 3, 80, 112))
    assert found.shape == (1, 32, 5, 7)
    found.square().sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
    relative = [key for key in model.state_dict() if 'rel_pos' in key]
    assert bool(relative) is (ARCH_ZOO[name].rotary is None)


def test_an_adapter_with_zero_injectors_is_the_trunk(name):
    """The released segmentation code of EVA gives its class token no position; all else is the trunk's."""
    entries = {'cls_position': True}
    trunk = randomised(
        EVAViT(arch=arch(name), img_size=64, patch_size=16, out_type='featmap', out_indices=range(4))
    ).eval()
    adapter = EVAViTAdapter(arch(name, **entries), 64, prior_channels=4, deform_num_heads=2, norm_cfg=dict(type='BN'))
    adapter.load_state_dict(trunk.state_dict(), strict=False)
    for interaction in adapter.interactions:
        nn.init.zeros_(interaction.injector.gamma)
    seen = []
    adapter.readout = lambda x, grid: seen.append(EVAViT.readout(adapter, x, grid)) or seen[-1]
    image = torch.randn(1, 3, 48, 80)
    maps = adapter.eval()(image)
    assert [each.shape[1:] for each in maps] == [(32, 12, 20), (32, 6, 10), (32, 3, 5), (32, 2, 3)]
    for found, expected in zip(seen, trunk(image), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_a_still_clip_of_one_frame_is_its_image(name):
    image_model = small(name, out_type='avg_featmap')
    model = EVAViTVideo(arch(name), 1, 64, patch_size=16)
    # without the record of a grid of images
    weights = dict(image_model.state_dict())
    weights['patch_embed.proj.weight'] = weights['patch_embed.proj.weight'].unsqueeze(2)
    model.load_state_dict(weights)
    image = torch.randn(2, 3, 64, 64)
    found = model.eval()(image.unsqueeze(2))
    torch.testing.assert_close(found, image_model.eval()(image)[0], rtol=1e-4, atol=1e-4)


def test_a_longer_clip_is_taken_and_tubelets_are_too(name):
    model = EVAViTVideo(arch(name), 4, 32, 2, patch_size=16)
    assert model.eval()(torch.randn(1, 3, 8, 48, 32)).shape == (1, 32)


def test_hidden_patches_are_not_seen(name):
    model = small(name, EVAPretrainViT).eval()
    image, mask = torch.randn(1, 3, 64, 64), torch.zeros(1, 4, 4, dtype=torch.bool)
    mask[:, 1, 2] = True
    changed = image.clone()
    changed[:, :, 16:32, 32:48] += 1
    tokens, flat = model(image, mask)
    assert tokens.shape[1] == model.num_extra_tokens + 16 and flat.shape == (1, 16)
    assert torch.equal(tokens, model(changed, mask)[0])
    nothing = torch.zeros_like(mask)
    torch.testing.assert_close(model(image, nothing)[0], EVAViT.forward(model, image)[0])
    assert not torch.allclose(model(image, nothing)[0], model(changed, nothing)[0])
    tokens.square().sum().backward()
    assert model.mask_token.grad.abs().sum() > 0


def test_a_tower_of_a_clip(name):
    pytest.importorskip('open_clip')
    from eva_mm.models.multimodal import EVACLIPViT

    row = ARCH_ZOO[name]
    space = 32 if row.projection == 'none' else 24
    tower = randomised(EVACLIPViT(space, 0.5, arch=arch(name), img_size=64, patch_size=16))
    tokens = []
    tower.blocks[0].register_forward_hook(lambda module, args, out: tokens.append(out.shape[1]))
    image = torch.randn(2, 3, 64, 64)
    assert tower.eval()(image).shape == (2, space)
    assert tower.train()(image).shape == (2, space)
    extra = tower.num_extra_tokens
    assert tokens == [extra + 16, extra + 8]
    has = isinstance(tower.head, nn.Linear), isinstance(tower.head, nn.Linear) and tower.head.bias is not None
    assert has == (row.projection != 'none', row.projection == 'bias')


def test_mae_pretrains_a_family_with_class_token_and_table(name):
    decoder = dict(embed_dims=16, num_layers=1, num_heads=2, feedforward_channels=16)
    options = dict(arch=arch(name), img_size=64, patch_size=16, decoder_arch=decoder)
    row = ARCH_ZOO[name]
    if not (row.cls_token and row.pos_embed):
        with pytest.raises(ValueError, match='needs a family with a class token and a table of positions'):
            EVAMAEViT(**options)
        return
    model = EVAMAEViT(**options)
    tokens, mask = model(torch.randn(2, 3, 64, 64))
    assert tokens.shape == (2, 17, 16) and mask.sum(1).tolist() == [12, 12]


@pytest.mark.parametrize(
    'name', ['eva02-base', 'eva02-clip-enormous', 'dinov2-giant-reg', 'dinov3-base', 'pe-core-base']
)
def test_compiles_as_one_graph(name):
    """At a fixed size; that grids may change in a compiled graph is in ``test_rotary.py``."""
    torch._dynamo.reset()
    model = randomised(EVAViT(dict(arch(name), num_layers=1), 32, 16))
    image = torch.randn(1, 3, 16, 48)
    compiled = torch.compile(model, fullgraph=True, backend='aot_eager', dynamic=False)
    torch.testing.assert_close(compiled(image)[0], model(image)[0], rtol=1e-4, atol=1e-4)


def test_traces_with_and_without_gradient(name):
    model, image = small(name).eval(), torch.randn(1, 3, 64, 64)
    expected = model(image)[0]
    for gradient in (True, False):
        with torch.set_grad_enabled(gradient):
            traced = torch.jit.trace(model, image)
        torch.testing.assert_close(traced(image)[0], expected, rtol=1e-4, atol=1e-5)


def test_lives_on_the_meta_device_and_is_copied(name):
    with torch.device('meta'):
        shape = EVAViT(arch(name), 64, 16)(torch.empty(1, 3, 64, 80))[0].shape
    model, image = small(name).eval(), torch.randn(1, 3, 64, 80)
    assert shape == model(image)[0].shape
    assert torch.equal(copy.deepcopy(model)(image)[0], model(image)[0])
    assert not list(model.buffers())
    assert model.bfloat16()(image.bfloat16())[0].isfinite().all()


def test_blocks_behind_the_last_output_are_neither_run_nor_trained(name):
    model = small(name, out_type='featmap', out_indices=(0, 2))
    ran = []
    for index, block in enumerate(model.blocks):
        block.register_forward_hook(lambda module, args, out, index=index: ran.append(index))
    sum(each.square().sum() for each in model(torch.randn(1, 3, 64, 64))).backward()
    assert ran == [0, 1, 2]
    without = {key.split('.')[1] for key, p in model.named_parameters() if p.grad is None}
    assert without == {'3'} and not any(p.requires_grad for p in model.blocks[3].parameters())


@pytest.mark.parametrize('size', [(64, 64), (50, 77), (17, 33)])
def test_images_of_any_size_are_padded_to_the_patch(name, size):
    model = small(name, out_type='featmap', pad_to_patch=True).eval()
    image = torch.randn(1, 3, *size)
    grid = [-(-side // 16) for side in size]
    (found,) = model(image)
    padded = nn.functional.pad(image, (0, 16 * grid[1] - size[1], 0, 16 * grid[0] - size[0]))
    assert list(found.shape[2:]) == grid
    assert torch.equal(found, model(padded)[0])
    if size != (64, 64):
        with pytest.raises(ValueError, match='or set pad_to_patch=True'):
            small(name)(image)


@pytest.mark.parametrize('size', [(64, 64), (50, 77)])
def test_maps_of_a_padding_adapter_are_cropped(size):
    model = EVAViTAdapter(
        arch('dinov3-base'), 64, prior_channels=4, deform_num_heads=2, norm_cfg=dict(type='BN'), pad_to_patch=True
    ).eval()
    image = torch.randn(1, 3, *size)
    maps = model(image)
    assert [tuple(each.shape[2:]) for each in maps] == [
        tuple(-(-side // stride) for side in size) for stride in (4, 8, 16, 32)
    ]
    padded = nn.functional.pad(image, [n for side in reversed(size) for n in (0, -side % 16)])
    for found, whole in zip(maps, model(padded)):
        assert torch.equal(found, whole[..., : found.shape[2], : found.shape[3]])


def test_read_outs_that_a_family_lacks_are_refused():
    for name, out_type in (('siglip-base', 'cls_token'), ('base', 'attn_pool'), ('dinov3-base', 'attn_pool')):
        with pytest.raises(ValueError, match=f"EVAViT of this arch has no out_type='{out_type}': choose from raw"):
            EVAViT(arch(name), out_type=out_type)
    with pytest.raises(ValueError, match="EVAViTDet of this arch has no out_type='cls_token'"):
        EVAViTDet(arch('base'), out_type='cls_token')
    with pytest.raises(ValueError, match="EVAViTAdapter of this arch has no out_type='raw': choose from featmap"):
        EVAViTAdapter(arch('base'), 64, out_type='raw')


def test_options_that_would_be_ignored_are_refused():
    with pytest.raises(ValueError, match='leave out_indices out'):
        EVAViTAdapter(arch('base'), 64, out_indices=(0, 1))
    for kind, options in ((EVAPretrainViT, {}), (EVAMAEViT, {})):
        with pytest.raises(ValueError, match=rf'{kind.__name__} returns one output: out_indices=\(0, 1\)'):
            kind(arch=arch('base'), img_size=56, out_indices=(0, 1), **options)
    with pytest.raises(ValueError, match='rel_pos_img_size=512 must be None for a family with rotary positions'):
        EVAViTDet(arch('eva02-base'), rel_pos_img_size=512)
    with pytest.raises(ValueError, match='one class token and no rotary positions'):
        EVAViTAdapter(arch('dinov2-base-reg'), 64, relative_position_bias=True)
    with pytest.raises(ValueError, match='one class token and no rotary positions'):
        EVAViTAdapter(arch('eva02-base'), 64, relative_position_bias=True)


def test_arguments_are_few_and_named_in_words_of_the_hosts():
    import inspect

    parameters = list(inspect.signature(EVAViT.__init__).parameters)[1:]
    assert len(parameters) <= 15
    assert {'arch', 'img_size', 'patch_size', 'out_indices', 'out_type', 'frozen_stages', 'with_cp'} <= set(parameters)


def test_families_are_told_apart():
    """No two of the sets of parts above compute the same with the same numbers."""
    torch.manual_seed(0)
    image, outs = torch.randn(1, 3, 64, 64), []
    for name in FAMILIES:
        torch.manual_seed(1)
        outs.append(small(name, out_type='avg_featmap').eval()(image)[0])
    for (one, a), (other, b) in itertools.combinations(zip(FAMILIES, outs), 2):
        assert not torch.equal(a, b), (one, other)
