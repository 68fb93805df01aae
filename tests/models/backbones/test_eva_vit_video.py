import pytest
import torch
from torch.nn import functional as F

from eva_mm.checkpoint import convert_state_dict, load_pretrained
from eva_mm.checkpoint.class_rows import select_class_rows
from eva_mm.models.backbones import EVAViT
from eva_mm.models.backbones.eva_vit_video import EVAViTVideo
from tests.helpers.parity import assert_near

TOY = dict(embed_dims=16, num_layers=2, num_heads=2, feedforward_channels=32)
CLOSE = dict(rtol=1e-5, atol=1e-6)


def toy(**kwargs) -> EVAViTVideo:
    model = EVAViTVideo(**{'arch': TOY, 'num_frames': 4, 'img_size': 28, **kwargs})
    model.init_weights()
    return model.eval()


@pytest.mark.parametrize('attn_fp32', [True, False])
def test_matches_the_released_code(reference, arch_of, attn_fp32):
    data = reference('video_a.pt')
    weights = dict(data['state_dict'])
    weight, bias = (weights.pop(f'head.{key}').requires_grad_() for key in ('weight', 'bias'))
    model = EVAViTVideo(arch_of(data['config']), num_frames=4, img_size=56, attn_fp32=attn_fp32).eval()
    model.load_state_dict(weights)
    # the release has frames before channels
    features = model(data['inputs']['video'].transpose(1, 2))
    logits = F.linear(features, weight, bias)
    assert_near(features, data['outputs']['features'])
    assert_near(logits, data['outputs']['logits'])

    loss = F.cross_entropy(logits, data['inputs']['label'])
    assert loss.item() == pytest.approx(data['outputs']['ce_loss'], rel=1e-5)
    loss.backward()
    norms = data['outputs']['grad_norm']
    for name, parameter in model.named_parameters():
        assert parameter.grad.norm().item() == pytest.approx(norms[name], rel=1e-4), name
    assert weight.grad.norm().item() == pytest.approx(norms['head.weight'], rel=1e-4)


def test_patch_tokens_match_the_released_code(reference, arch_of):
    data = reference('video_a.pt')
    model = EVAViTVideo(arch_of(data['config']), num_frames=4, img_size=56, out_type='featmap').eval()
    weights = {name: value for name, value in data['state_dict'].items() if name in model.state_dict()}
    model.load_state_dict(weights)
    maps = model(data['inputs']['video'].transpose(1, 2))
    assert maps.shape == (2, 48, 4, 4, 4)
    norm = [data['state_dict'][f'fc_norm.{key}'] for key in ('weight', 'bias')]
    tokens = F.layer_norm(maps.flatten(2).transpose(1, 2), (48,), *norm, eps=1e-6)
    assert_near(tokens, data['outputs']['patch_tokens'])


def test_k722_checkpoint_of_8_frames_starts_16(reference, arch_of):
    """The released loader: positions resized in time, rows of the classifier picked for other classes."""
    data = reference('video_ckpt_a.pt')
    config, after = data['config'], data['outputs']['state_dict_after']
    # the golden file keeps one of its blocks
    arch = dict(arch_of(config), num_layers=1)
    model = EVAViTVideo(arch, num_frames=config['dst']['num_frames'], img_size=56).eval()
    target = {f'backbone.{name}': value for name, value in model.state_dict().items()}
    head = {f'cls_head.fc_cls.{name}': torch.empty(11, 48)[..., :width].squeeze(-1) for name, width in
            (('weight', 48), ('bias', 1))}  # fmt: skip
    converted, report = convert_state_dict({'model': data['state_dict']}, 'video', target=target | head, grid=(8, 4, 4))
    assert not report.missing and not report.unexpected
    assert_near(converted['backbone.pos_embed'], after['pos_embed'], 1e-6)

    rows = config['class_mapping']
    weight, bias = (
        select_class_rows(converted.pop(f'cls_head.fc_cls.{key}'), rows, torch.zeros_like(after[f'head.{key}']))
        for key in ('weight', 'bias')
    )
    assert torch.equal(weight, after['head.weight']) and torch.equal(bias, after['head.bias'])


@pytest.mark.parametrize('tubelet', [1, 2])
def test_image_checkpoint_is_inflated_as_released(reference, tubelet):
    data = reference('video_init_from_image.pt')
    # the golden file has 4 channels of the kernel and all 48 of the positions
    weights = data['state_dict'] | {'blocks.0.attn.qkv.weight': torch.zeros(144, 48)}
    expected = data['outputs']['inflated'][f'T4_tubelet{tubelet}']
    target = {f'backbone.{name}': value for name, value in expected.items()}
    converted = convert_state_dict(weights, 'video', target=target, grid=(4 // tubelet, 4, 4)).state_dict
    for name, value in expected.items():
        assert_near(converted[f'backbone.{name}'], value, 1e-7)


@pytest.mark.parametrize(('frames', 'expected'), [((722, 8), 1_014_686_546), ((400, 16), 1_017_116_432),
                                                  ((600, 16), 1_017_398_232), ((700, 16), 1_017_539_132)])  # fmt: skip
def test_full_size_has_the_released_number_of_parameters(frames, expected):
    classes, num_frames = frames
    with torch.device('meta'):
        model = EVAViTVideo('giant', num_frames=num_frames)
        head = torch.nn.Linear(1408, classes)
    assert sum(p.numel() for module in (model, head) for p in module.parameters()) == expected


def test_depths_and_weight_decay_equal_the_released_optimizer(reference):
    groups = reference('layer_decay_video.json')['models']['layer_wise_decay=0.95']
    with torch.device('meta'):
        model = EVAViTVideo('giant')
    names = dict(model.named_parameters())
    assert set(names) == set(groups) - {'head.weight', 'head.bias'}
    for name in names:
        depth, depths = model.get_layer_depth(f'backbone.{name}', 'backbone.')
        assert (depth, depths) == (groups[name]['layer_id'], 42)
        assert 0.95 ** (depths - 1 - depth) == pytest.approx(groups[name]['lr_scale'])
    assert model.get_layer_depth('cls_head.fc_cls.weight', 'backbone.')[0] == groups['head.weight']['layer_id']


@pytest.mark.parametrize('tubelet', [1, 2])
def test_a_still_clip_is_its_image(tmp_path, tubelet):
    """Inflated from an image model, tubelets of a still clip are the patches of the image in every frame."""
    image_model = EVAViT(TOY, img_size=28, out_type='avg_featmap')
    image_model.init_weights()
    torch.save({'model': image_model.state_dict()}, tmp_path / 'image.pt')
    video = toy(tubelet_size=tubelet)
    report = load_pretrained(video, tmp_path / 'image.pt')
    assert set(report.resized) >= {'backbone.pos_embed', 'backbone.patch_embed.proj.weight'}

    image = torch.randn(2, 3, 28, 28)
    patches, _ = image_model.patch_embed(image)
    tubelets, grid = video.patch_embed(image.unsqueeze(2).repeat(1, 1, 4, 1, 1))
    assert grid == (4 // tubelet, 2, 2)
    torch.testing.assert_close(
        tubelets.unflatten(1, (-1, 4)), patches.unsqueeze(1).expand(-1, grid[0], -1, -1), **CLOSE
    )
    torch.testing.assert_close(
        video._positions(grid)[:, 1:].unflatten(1, (-1, 4)),
        image_model.pos_embed[:, None, 1:].expand(-1, grid[0], -1, -1),
    )


def test_other_lengths_are_resized_in_time():
    model, other = toy(num_frames=4), toy(num_frames=8)
    weights = model.state_dict() | {'pos_embed': model._positions((8, 2, 2)).detach()}
    other.load_state_dict(weights)
    clip = torch.randn(1, 3, 8, 28, 28)
    torch.testing.assert_close(model(clip), other(clip))


def test_the_order_of_frames_matters():
    model = toy()
    clip = torch.randn(1, 3, 4, 28, 28)
    assert not torch.allclose(model(clip), model(clip.flip(2)), atol=1e-4)


def test_checkpointing_changes_nothing_and_every_parameter_gets_a_gradient():
    clip = torch.randn(2, 3, 4, 28, 28)
    plain, saving = toy(), toy(with_cp=True)
    saving.load_state_dict(plain.state_dict())
    for model in (plain, saving):
        model.train()(clip).square().sum().backward()
    for (name, one), other in zip(plain.named_parameters(), saving.parameters()):
        assert one.grad.abs().sum() > 0, name
        torch.testing.assert_close(one.grad, other.grad)


def test_several_read_outs_are_a_tuple():
    outs = toy(out_indices=(0, 1))(torch.randn(1, 3, 4, 28, 28))
    assert [out.shape for out in outs] == [(1, 16), (1, 16)]


def test_frames_that_make_no_tubelets_are_refused():
    with pytest.raises(ValueError, match=r'img_size=\(5, 28, 28\) must be divisible by patch_size=\(2, 14, 14\)'):
        toy(num_frames=5, tubelet_size=2)
