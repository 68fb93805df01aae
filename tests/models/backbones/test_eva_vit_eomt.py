import re

import pytest
import torch
from torch import nn

from eva_mm.checkpoint import convert_state_dict, load_pretrained
from eva_mm.layers.masked_queries import Queried, mask_attention
from eva_mm.models.backbones import EVAViT, EVAViTEoMT
from tests.models.backbones.test_every_family import FAMILIES, arch, randomised

GOLDEN = {'dinov2': 'dinov2-small-reg', 'dinov3': 'dinov3-small'}
SIZES = dict(embed_dims=16, num_layers=3, num_heads=2, feedforward_channels=32)


def small(name='nano', **kwargs):
    options = dict(img_size=64, num_queries=5, num_query_blocks=2)
    return randomised(EVAViTEoMT(arch(name), **options | kwargs)).eval()


class QueriesUnseen(nn.Module):
    """Position of a block whose other tokens do not see its five queries."""

    def __init__(self, position):
        super().__init__()
        self.position = position

    def forward(self, q, k, queried):
        unseen = q.new_zeros(1, 1, q.shape[2], q.shape[2])
        unseen[..., 5:, :5] = float('-inf')
        return self.position(q, k, Queried(queried.grid, unseen))


@pytest.fixture(params=GOLDEN)
def golden(request, reference):
    """(file of transformers' class, our backbone and classifier with its weights)."""
    file = reference(f'eomt/{request.param}.pt')
    model = nn.Module()
    model.backbone = EVAViTEoMT(dict(name=GOLDEN[request.param], **SIZES), 64, 16, num_queries=5, num_query_blocks=2)
    model.decode_head = nn.Module()
    model.decode_head.cls_embed = nn.Linear(16, 5)
    conversion = convert_state_dict(file['state_dict'], 'segmentation', target=model.state_dict())
    report = conversion.report
    assert not (report.missing or report.unexpected or report.fresh)
    assert set(report.dropped) == {'criterion.empty_weight'}
    model.load_state_dict(conversion.state_dict)
    return file, model.eval()


@pytest.mark.parametrize('masked', ['00', '11', '01'])
def test_equals_transformers(golden, masked):
    file, model = golden
    model.backbone.attn_mask_probs.copy_(torch.tensor([float(each) for each in masked]))
    segments = model.backbone(file['image'])
    assert len(segments) == 1 + masked.count('1')
    classes, masks = file['outputs'][masked]
    torch.testing.assert_close(model.decode_head.cls_embed(segments[-1].queries), classes, rtol=0, atol=1e-4)
    torch.testing.assert_close(segments[-1].masks, masks, rtol=0, atol=1e-4 * masks.abs().max().item())


@pytest.mark.parametrize('name', ['nano', 'eva02-base', 'dinov2-small-reg', 'siglip-base'])
def test_queries_whose_masks_hold_everything_are_not_masked(name, monkeypatch):
    """A mask in which all is inside is no mask, and one with nothing inside changes the result."""
    model = small(name)
    image = torch.randn(1, 3, 64, 48)
    model.attn_mask_probs.zero_()
    expected = model(image)[-1].masks
    model.attn_mask_probs.fill_(1)
    found = {}
    for logit in (1.0, -1.0):

        def constant(masks, *args, logit=logit):
            return mask_attention(torch.full_like(masks, logit), *args)

        monkeypatch.setattr('eva_mm.models.backbones.eva_vit_eomt.mask_attention', constant)
        found[logit] = model(image)[-1].masks
    torch.testing.assert_close(found[1.0], expected)
    assert not torch.allclose(found[-1.0], expected, rtol=1e-2)


def test_a_query_sees_its_own_patches_and_all_that_are_no_patches():
    masks = torch.tensor([[[[1.0, -1.0], [-1.0, -1.0]], [[-1.0, -1.0], [-1.0, 1.0]]]])
    logits = mask_attention(masks, (2, 2), 1, torch.tensor(1.0))[0, 0]
    hidden = torch.isneginf(logits)
    assert hidden[0].tolist() == [False] * 4 + [True, True, True]
    assert hidden[1].tolist() == [False] * 3 + [True, True, True, False]
    assert not hidden[2:].any() and logits[~hidden].eq(0).all()


@pytest.mark.parametrize('probability', [0.0, 0.25, 1.0])
def test_queries_obey_their_masks_with_the_given_probability(probability):
    hidden = torch.isneginf(mask_attention(-torch.ones(2, 4000, 2, 2), (2, 2), 0, torch.tensor(probability)))
    share = hidden[:, 0, :4000, 4000:].all(dim=-1).float().mean()
    assert share == pytest.approx(probability, abs=0.03)


def test_training_predicts_before_every_query_block_and_trains_every_weight():
    model = small().train()
    model.attn_mask_probs.zero_()
    segments = model(torch.randn(2, 3, 64, 64))
    assert len(segments) == 3
    sum(each.queries.sum() + each.masks.square().sum() for each in segments).backward()
    assert all(parameter.grad is not None for parameter in model.parameters() if parameter.requires_grad)


@pytest.mark.parametrize('name', FAMILIES)
def test_every_family_takes_queries_and_any_image(name):
    """Where no other token sees the queries, these are the tokens of the bare trunk."""
    model = small(name).double()
    trunk = EVAViT(arch(name), img_size=64, patch_size=16, out_type='raw').eval().double()
    trunk.load_state_dict(model.state_dict(), strict=False)
    image = torch.randn(1, 3, 48, 80).double()
    expected = trunk(image)[0]
    model.attn_mask_probs.zero_()

    for block in model.blocks[-2:]:
        block.attn.rel_pos = QueriesUnseen(block.attn.rel_pos)
    seen = []
    model.norm.register_forward_hook(lambda _, args, out: seen.append(out))
    model(image)
    torch.testing.assert_close(seen[-1][:, 5:], expected)


def test_padded_images_get_masks_of_their_own_size():
    model = small(pad_to_patch=True)
    image = torch.randn(1, 3, 50, 70)
    padded = nn.functional.pad(image, (0, 10, 0, 14))
    masks, whole = model(image)[-1].masks, model(padded)[-1].masks
    assert masks.shape[2:] == (13, 18) and whole.shape[2:] == (16, 20)
    torch.testing.assert_close(masks, whole[..., :13, :18])


def test_learning_rates_fall_as_in_the_release():
    """By 0.8 from block to block; the last one, the queries and the final norm have the full rate."""
    model = small()
    depths = {name: model.get_layer_depth(f'backbone.{name}', 'backbone.') for name, _ in model.named_parameters()}
    for part in ('query.weight', 'mask_head.fc1.weight', 'upscale_block.block.0.conv1.weight', 'norm.weight'):
        assert depths[part] == (3, 4)
    assert [depths[f'blocks.{index}.norm1.weight'][0] for index in range(4)] == [0, 1, 2, 3]
    assert depths['pos_embed'] == depths['patch_embed.proj.weight'] == (0, 4)


def test_a_frozen_trunk_trains_queries_and_mask_module():
    frozen = small(frozen_stages=4)
    trained = {name.split('.')[0] for name, each in frozen.named_parameters() if each.requires_grad}
    assert trained == {'query', 'mask_head', 'upscale_block', 'norm'}


def test_refuses_what_it_cannot_do():
    with pytest.raises(ValueError, match='leave out_indices out'):
        small(out_indices=(1, 2))
    with pytest.raises(ValueError, match=r'num_query_blocks=9 must be between 1 and the 4 blocks'):
        small(num_query_blocks=9)


@pytest.mark.parametrize('kind', ['Eomt', 'EomtDinov3'])
def test_equals_the_installed_transformers(kind, tmp_path):
    """As the golden files, on a file that ``save_pretrained`` writes."""
    transformers = pytest.importorskip('transformers')
    options = dict(hidden_size=16, num_hidden_layers=3, num_attention_heads=2, image_size=64, num_queries=5)
    own = dict(mlp_ratio=2) if kind == 'Eomt' else dict(intermediate_size=32, layer_norm_eps=1e-5)
    config = getattr(transformers, f'{kind}Config')(num_blocks=2, num_labels=4, **options, **own)
    theirs = randomised(getattr(transformers, f'{kind}ForUniversalSegmentation')(config)).eval()
    theirs.save_pretrained(tmp_path)
    row = dict(name=GOLDEN['dinov2' if kind == 'Eomt' else 'dinov3'], **SIZES)
    ours = EVAViTEoMT(row, 64, 16, num_queries=5, num_query_blocks=2)
    report = load_pretrained(ours, tmp_path / 'model.safetensors')
    assert not (report.missing or report.unexpected or report.fresh)
    image = torch.randn(1, 3, 64, 64)
    expected = theirs(image).masks_queries_logits
    found = ours.eval()(image)[-1].masks
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-4 * expected.abs().max().item())


def test_names_of_the_release_over_timm():
    """EoMT's own files hold the trunk with timm's names: the same weights by their other names."""
    backbone = small('dinov2-base-reg')
    weights = {}
    for name, weight in backbone.state_dict().items():
        name = re.sub(r'gamma_(\d)', r'ls\1.gamma', name).replace('register_tokens', 'reg_token')
        name = re.sub(r'mask_head\.fc(\d)', lambda match: f'mask_head.{2 * int(match[1]) - 2}', name)
        name = name.replace('upscale_block.block.', 'upscale.').replace('layernorm2d', 'norm').replace('query', 'q')
        own = name.split('.')[0] in ('q', 'mask_head', 'upscale', 'attn_mask_probs')
        # timm has added the position of the class token to it
        weight = weight[:, 1:] if name == 'pos_embed' else weight
        weights[f'network.{name}' if own else f'network.encoder.backbone.{name}'] = weight
    weights['network.class_head.weight'], weights['network.class_head.bias'] = torch.ones(3, 32), torch.ones(3)
    weights['network.encoder.pixel_mean'] = torch.zeros(1, 3, 1, 1)
    target = {f'backbone.{name}': weight for name, weight in backbone.state_dict().items()}
    target |= {'decode_head.cls_embed.weight': torch.zeros(3, 32), 'decode_head.cls_embed.bias': torch.zeros(3)}
    conversion = convert_state_dict(weights, 'segmentation', target=target)
    assert conversion.report.layout == 'eomt' and conversion.state_dict.keys() == target.keys()
    for name, weight in backbone.state_dict().items():
        expected = torch.cat((0 * weight[:, :1], weight[:, 1:]), dim=1) if name == 'pos_embed' else weight
        assert torch.equal(conversion.state_dict[f'backbone.{name}'], expected), name


@pytest.mark.parametrize('name', ['nano', 'dinov2-base-reg', 'dinov3-base'])
def test_starts_from_the_weights_of_a_trunk(name, tmp_path):
    """Queries and mask module stay as they are initialised, and the report says so."""
    trunk = randomised(EVAViT(arch(name), img_size=64, patch_size=16, out_type='raw'))
    torch.save(trunk.state_dict(), tmp_path / 'trunk.pt')
    model = EVAViTEoMT(
        arch(name), 64, num_queries=5, init_cfg=dict(type='Pretrained', checkpoint=tmp_path / 'trunk.pt')
    )
    model.init_weights()
    loaded = model.state_dict()
    assert all(torch.equal(loaded[key], weight) for key, weight in trunk.state_dict().items())
    assert model.query.weight.std().item() == pytest.approx(1, abs=0.2) and model.attn_mask_probs.eq(1).all()
    assert model.mask_head.fc1.weight.abs().max() <= 32**-0.5
    report = load_pretrained(EVAViTEoMT(arch(name), 64, num_queries=5), tmp_path / 'trunk.pt')
    assert {key.split('.')[1] for key in report.fresh} == {'query', 'mask_head', 'upscale_block', 'attn_mask_probs'}
