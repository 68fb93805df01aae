"""Every family by every name its files have: features and gradients equal to the peer's, at three sizes."""

import math
import re

import pytest
import torch
from torch import nn

from eva_mm.checkpoint import load_pretrained
from eva_mm.models.backbones import ARCH_ZOO, EVAViT

SIZES = dict(embed_dims=64, num_layers=2, num_heads=4)
GRIDS = [(4, 4), (6, 6), (3, 7)]
# timm's model, our arch, hidden channels of the MLP
TIMM = [
    ('eva02_tiny_patch14_336', 'eva02-tiny', 170),
    ('eva02_base_patch14_448', 'eva02-base', 170),
    ('eva02_base_patch16_clip_224', 'eva02-clip-base', 170),
    ('eva02_enormous_patch14_clip_224', 'eva02-clip-enormous', 548),
    ('vit_small_patch14_dinov2', 'dinov2-small', 256),
    ('vit_giant_patch14_dinov2', 'dinov2-giant', 170),
    ('vit_small_patch14_reg4_dinov2', 'dinov2-small-reg', 256),
    ('vit_giant_patch14_reg4_dinov2', 'dinov2-giant-reg', 170),
    ('vit_small_patch16_dinov3', 'dinov3-small', 256),
    ('vit_small_patch16_dinov3_qkvb', 'dinov3-small', 256),
    ('vit_small_plus_patch16_dinov3_qkvb', 'dinov3-small-plus', 256),
    ('vit_7b_patch16_dinov3', 'dinov3-7b', 128),
    ('vit_base_patch16_clip_quickgelu_224', 'clip-base', 256),
    ('vit_base_patch16_clip_224', 'open-clip-base', 256),
    ('vit_base_patch16_siglip_224', 'siglip-base', 256),
    ('vit_so400m_patch16_siglip_256', 'siglip2-so400m', 239),
    ('vit_pe_core_base_patch16_224', 'pe-core-base', 256),
]


def randomise(model):
    """Random weights everywhere: at their start biases are 0, norms and layer scales do nothing."""
    for name, parameter in model.named_parameters():
        nn.init.normal_(parameter, std=0.2)
        if parameter.ndim == 1 and name.endswith('weight'):
            parameter.data.add_(1)
    return model.eval()


def relative(actual, expected):
    return ((actual - expected).abs().max() / expected.abs().max()).item()


def ours(arch, hidden, grid, path, out_type='raw', **entries):
    row = ARCH_ZOO[arch]
    pool = dict(pool_heads=4) if row.pool_heads and arch[:2] != 'pe' else {}
    sizes = dict(name=arch, **SIZES, feedforward_channels=hidden, **pool)
    size = tuple(side * row.patch_size for side in grid)
    model = EVAViT(sizes, img_size=size, out_type=out_type, **entries)
    report = load_pretrained(model, path, file_grid=grid)
    assert not (report.missing or report.unexpected or report.fresh or report.resized)
    return model.eval()


def timm_model(name, grid, patch, **kwargs):
    timm = pytest.importorskip('timm')
    size = tuple(side * patch for side in grid)
    if 'dinov3' in name:
        kwargs['dynamic_img_size'] = True
    if 'giant' in name:
        # its packed layer is counted whole
        kwargs['mlp_ratio'] = 2 * 170 / 64
    pool = {} if 'siglip' in name or 'pe_core' in name else dict(global_pool='token')
    return randomise(
        timm.create_model(name, num_classes=0, embed_dim=64, depth=2, num_heads=4, img_size=size, **pool, **kwargs)
    )


@pytest.mark.parametrize('grid', GRIDS)
@pytest.mark.parametrize(('name', 'arch', 'hidden'), TIMM)
def test_timm(tmp_path, name, arch, hidden, grid):
    theirs = timm_model(name, grid, ARCH_ZOO[arch].patch_size)
    torch.save(theirs.state_dict(), tmp_path / 'timm.pth')
    image = torch.randn(2, 3, *(side * ARCH_ZOO[arch].patch_size for side in grid))
    model = ours(arch, hidden, grid, tmp_path / 'timm.pth')
    (found,), expected = model(image), theirs.forward_features(image)
    assert relative(found, expected) < (1e-9 if arch.startswith('dinov3') else 1e-5)
    weights = torch.randn_like(found)
    for tokens in (found, expected):
        (tokens * weights).sum().backward()
    for other in ('patch_embed.proj.weight', 'blocks.0.norm1.weight', 'blocks.1.attn.proj.weight', 'norm.bias'):
        assert relative(model.get_parameter(other).grad, theirs.get_parameter(other).grad) < 1e-4, other
    pooled = ours(arch, hidden, grid, tmp_path / 'timm.pth', None)
    assert relative(pooled(image)[0], theirs(image)) < 1e-5


@pytest.mark.parametrize('reg', ['', '-reg'])
def test_maps_and_means_of_dino_are_of_normalised_tokens(tmp_path, reg):
    """As DINOv2's own ``get_intermediate_layers(norm=True)`` and ``x_norm_patchtokens``."""
    name = 'vit_small_patch14_reg4_dinov2' if reg else 'vit_small_patch14_dinov2'
    theirs = timm_model(name, (4, 4), 14)
    torch.save(theirs.state_dict(), tmp_path / 'timm.pth')
    image = torch.randn(1, 3, 56, 56)
    maps = theirs.forward_intermediates(image, indices=[0, 1], norm=True, intermediates_only=True)
    model = ours(f'dinov2-small{reg}', 256, (4, 4), tmp_path / 'timm.pth', 'featmap', out_indices=(0, 1))
    for found, expected in zip(model(image), maps):
        assert relative(found, expected) < 1e-5
    mean = ours(f'dinov2-small{reg}', 256, (4, 4), tmp_path / 'timm.pth', 'avg_featmap')
    assert relative(mean(image)[0], maps[1].mean((2, 3))) < 1e-5


def dinov2_hub(weights):
    """Names of DINOv2's own files, of which timm's are made."""
    hub = {'mask_token': torch.zeros(1, 64)}
    for name, weight in weights.items():
        if name == 'reg_token':
            name = 'register_tokens'
        hub[name] = weight
    if 'register_tokens' in hub:
        first = torch.randn(1, 1, 64)
        hub['cls_token'] = hub['cls_token'] - first
        hub['pos_embed'] = torch.cat((first, hub['pos_embed']), dim=1)
    return hub


@pytest.mark.parametrize('arch', ['dinov2-small', 'dinov2-giant', 'dinov2-small-reg', 'dinov2-giant-reg'])
def test_dinov2_by_its_own_names(tmp_path, arch):
    size, reg = arch.split('-')[1], '_reg4' if arch.endswith('reg') else ''
    theirs = timm_model(f'vit_{size}_patch14{reg}_dinov2', (4, 4), 14)
    hub = dinov2_hub(theirs.state_dict())
    if size == 'giant':
        hub = {name.replace('fc1', 'w12').replace('fc2', 'w3'): weight for name, weight in hub.items()}
    torch.save(hub, tmp_path / 'dinov2.pth')
    image = torch.randn(1, 3, 56, 56)
    model = ours(arch, 256 if size == 'small' else 170, (4, 4), tmp_path / 'dinov2.pth')
    assert relative(model(image)[0], theirs.forward_features(image)) < 1e-5


def dinov3_hub(weights, mask=True):
    """Names of DINOv3's own files: a whole bias with a mask, and periods rounded to bf16."""
    hub = {'mask_token': torch.zeros(1, 64), 'rope_embed.periods': torch.ones(4).bfloat16()}
    hub['local_cls_norm.weight'] = torch.ones(64)
    for name, weight in weights.items():
        if name.endswith('q_bias'):
            bias = torch.cat((weight, torch.zeros(64), weights[name.replace('q_bias', 'v_bias')]))
            hub[name.replace('q_bias', 'qkv.bias')] = bias
            if mask:
                hub[name.replace('q_bias', 'qkv.bias_mask')] = torch.ones(192).index_fill(0, torch.arange(64, 128), 0)
        elif not name.endswith('v_bias'):
            name = name.replace('reg_token', 'storage_tokens').replace('fc1_g', 'w1').replace('fc1_x', 'w2')
            name = re.sub(r'gamma_([12])', r'ls\1.gamma', name)
            hub[name.replace('fc2', 'w3') if 'blocks.0.mlp.fc1_g.weight' in weights else name] = weight
    return hub


@pytest.mark.parametrize('arch', ['dinov3-small', 'dinov3-small-plus'])
def test_dinov3_by_its_own_names(tmp_path, arch):
    theirs = timm_model(f'vit_{arch[7:].replace("-", "_")}_patch16_dinov3_qkvb', (3, 5), 16)
    torch.save(dinov3_hub(theirs.state_dict()), tmp_path / 'dinov3.pth')
    image = torch.randn(1, 3, 48, 80)
    assert relative(ours(arch, 256, (4, 4), tmp_path / 'dinov3.pth')(image)[0], theirs.forward_features(image)) == 0


@pytest.mark.parametrize('mask', [True, False])
def test_a_key_bias_is_refused(tmp_path, mask):
    hub = dinov3_hub(timm_model('vit_small_patch16_dinov3_qkvb', (4, 4), 16).state_dict(), mask)
    hub['blocks.1.attn.qkv.bias'][70] = 0.5
    torch.save(hub, tmp_path / 'dinov3.pth')
    with pytest.raises(ValueError, match=r'blocks\.1\.attn\.qkv\.bias \(attn\.k_bias\) must be zero, and it is not'):
        ours('dinov3-small', 256, (4, 4), tmp_path / 'dinov3.pth')


def test_an_untied_norm_of_the_class_token_is_refused(tmp_path):
    hub = dinov3_hub(timm_model('vit_small_patch16_dinov3_qkvb', (4, 4), 16).state_dict())
    torch.save(hub | {'cls_norm.weight': torch.ones(64)}, tmp_path / 'dinov3.pth')
    with pytest.raises(ValueError, match=r'has no place for: cls_norm\.weight'):
        ours('dinov3-small', 256, (4, 4), tmp_path / 'dinov3.pth')


def test_biases_that_a_file_leaves_out_become_zero(tmp_path):
    """timm leaves out those of DINOv3 that are zero; what the model had before must not stay."""
    theirs = timm_model('vit_small_patch16_dinov3', (4, 4), 16)
    torch.save(theirs.state_dict(), tmp_path / 'timm.pth')
    model = EVAViT(dict(name='dinov3-small', **SIZES, feedforward_channels=256))
    model.blocks[1].attn.v_bias.data.fill_(1)
    report = load_pretrained(model, tmp_path / 'timm.pth')
    assert model.blocks[1].attn.v_bias.abs().sum() == 0
    assert report.renamed['blocks.1.attn.v_bias (not in the file, hence zero)'] == 'backbone.blocks.1.attn.v_bias'


OPENAI = [
    (r'^cls_token$', 'class_embedding'),
    (r'^pos_embed$', 'positional_embedding'),
    (r'^patch_embed\.proj', 'conv1'),
    (r'^norm_pre', 'ln_pre'),
    (r'^norm\.', 'ln_post.'),
    (r'^blocks\.', 'transformer.resblocks.'),
    (r'\.norm([12])\.', r'.ln_\1.'),
    (r'attn\.qkv\.', 'attn.in_proj_'),
    (r'attn\.proj\.', 'attn.out_proj.'),
    (r'mlp\.fc1\.', 'mlp.c_fc.'),
    (r'mlp\.fc2\.', 'mlp.c_proj.'),
    (r'^attn_pool\.latent', 'attn_pool.probe'),
    (r'^attn_pool\.proj', 'attn_pool.attn.out_proj'),
    (r'^attn_pool\.norm', 'attn_pool.layernorm'),
]


def openai_names(weights, prefix='visual.'):
    named = {}
    for name, weight in weights.items():
        if name in ('cls_token', 'pos_embed'):
            weight = weight.flatten(0, 1).squeeze(0)
        for pattern, to in OPENAI:
            name = re.sub(pattern, to, name)
        named[prefix + name] = weight
    for kind in ('weight', 'bias'):
        if f'{prefix}attn_pool.q.{kind}' in named:
            parts = [named.pop(f'{prefix}attn_pool.{part}.{kind}') for part in ('q', 'kv')]
            named[f'{prefix}attn_pool.attn.in_proj_{kind}'] = torch.cat(parts)
    text = {'positional_embedding': torch.zeros(7, 8), 'transformer.resblocks.0.ln_1.weight': torch.zeros(8)}
    return named | {f'{prefix}proj': torch.randn(64, 24)} | (text if prefix else {})


@pytest.mark.parametrize('prefix', ['visual.', ''])
@pytest.mark.parametrize(
    ('name', 'arch'),
    [('vit_base_patch16_clip_quickgelu_224', 'clip-base'), ('vit_pe_core_base_patch16_224', 'pe-core-base')],
)
def test_openai_names(tmp_path, name, arch, prefix):
    """Those of OpenAI's CLIP, of open_clip's own towers and of Perception Encoder; the last layer is transposed."""
    pytest.importorskip('open_clip')
    from eva_mm.models.multimodal import EVACLIPViT

    theirs = timm_model(name, (4, 4), 16)
    weights = openai_names(theirs.state_dict(), prefix)
    torch.save(weights, tmp_path / 'clip.pt')
    image = torch.randn(2, 3, 64, 64)
    model = ours(arch, 256, (4, 4), tmp_path / 'clip.pt')
    assert relative(model(image)[0], theirs.forward_features(image)) < 1e-5
    tower = EVACLIPViT(24, arch=dict(name=arch, **SIZES, feedforward_channels=256), img_size=64)
    report = load_pretrained(tower, tmp_path / 'clip.pt')
    assert not (report.missing or report.unexpected or report.fresh)
    assert relative(tower.eval()(image), theirs(image) @ weights[f'{prefix}proj']) < 1e-5


def test_open_clip_keeps_siglip_with_timms_names(tmp_path):
    theirs = timm_model('vit_base_patch16_siglip_224', (4, 4), 16)
    named = {f'visual.trunk.{name}': weight for name, weight in theirs.state_dict().items()}
    torch.save(named | {'text.ln_final.bias': torch.zeros(3), 'logit_scale': torch.zeros(())}, tmp_path / 'clip.pt')
    image = torch.randn(2, 3, 64, 64)
    model = ours('siglip-base', 256, (4, 4), tmp_path / 'clip.pt', None)
    assert relative(model(image)[0], theirs(image)) < 1e-5


# transformers' class and configuration, our arch, changes of ours that its class has
TRANSFORMERS = [
    ('Dinov2Model', 'Dinov2Config', dict(use_swiglu_ffn=False), 'dinov2-small', 256, dict(pos_embed='bicubic')),
    ('Dinov2Model', 'Dinov2Config', dict(use_swiglu_ffn=True), 'dinov2-giant', 176, dict(pos_embed='bicubic')),
    ('Dinov2WithRegistersModel', 'Dinov2WithRegistersConfig', {}, 'dinov2-small-reg', 256, {}),
    ('DINOv3ViTModel', 'DINOv3ViTConfig', dict(intermediate_size=256), 'dinov3-small', 256, {}),
    (
        'DINOv3ViTModel',
        'DINOv3ViTConfig',
        dict(intermediate_size=256, use_gated_mlp=True, hidden_act='silu'),
        'dinov3-small-plus',
        256,
        {},
    ),
    ('CLIPVisionModel', 'CLIPVisionConfig', dict(intermediate_size=256), 'clip-base', 256, {}),
    ('SiglipVisionModel', 'SiglipVisionConfig', dict(intermediate_size=239), 'siglip2-so400m', 239, {}),
]


@pytest.mark.parametrize('own_names', [False, True], ids=['file', 'module'])
@pytest.mark.parametrize('grid', GRIDS)
@pytest.mark.parametrize(('kind', 'config', 'options', 'arch', 'hidden', 'entries'), TRANSFORMERS)
def test_transformers(tmp_path, kind, config, options, arch, hidden, entries, grid, own_names):
    """Weights as its ``save_pretrained`` writes them, and by the names of its modules."""
    transformers = pytest.importorskip('transformers')
    patch = ARCH_ZOO[arch].patch_size
    if kind.startswith('DINOv3'):
        options = dict(options, num_register_tokens=4, pos_embed_rescale=None)
    config = getattr(transformers, config)(
        hidden_size=64, num_hidden_layers=2, num_attention_heads=4, image_size=4 * patch, patch_size=patch, **options
    )
    theirs = randomise(getattr(transformers, kind)(config))
    if own_names:
        path = tmp_path / 'module.pth'
        torch.save(theirs.state_dict(), path)
    else:
        theirs.save_pretrained(tmp_path)
        path = tmp_path / 'model.safetensors'
    image = torch.randn(2, 3, *(side * patch for side in grid))
    resize = dict(interpolate_pos_encoding=True) if kind[:4] in ('CLIP', 'Sigl') else {}
    out = theirs(image, **resize)
    model = ours(arch, hidden, (4, 4), path, **entries)
    expected = out.last_hidden_state
    if kind.startswith('CLIP'):
        expected = theirs.post_layernorm(expected)
    found = model(image)[0]
    assert relative(found, expected) < 1e-5
    pooled = ours(arch, hidden, (4, 4), path, None, **entries)
    assert relative(pooled(image)[0], out.pooler_output) < 1e-5


def test_transformers_siglip2_for_images_of_any_shape(tmp_path):
    """NaFlex: its patch embedding is a linear layer over pixels, and positions are resized with antialiasing."""
    transformers = pytest.importorskip('transformers')
    config = transformers.Siglip2VisionConfig(
        hidden_size=64, num_hidden_layers=2, num_attention_heads=4, intermediate_size=239, num_patches=16, patch_size=16
    )
    theirs = randomise(transformers.Siglip2VisionModel(config))
    theirs.save_pretrained(tmp_path)
    image = torch.randn(1, 3, 48, 80)
    patches = image.unfold(2, 16, 16).unfold(3, 16, 16).permute(0, 2, 3, 4, 5, 1).flatten(3).flatten(1, 2)
    expected = theirs(patches, torch.ones(1, 15), torch.tensor([[3, 5]])).last_hidden_state
    model = ours('siglip2-so400m', 239, (4, 4), tmp_path / 'model.safetensors', pos_embed='bilinear_antialias')
    assert relative(model(image)[0], expected) < 1e-5


def test_a_file_with_keys_but_without_queries_is_refused(tmp_path):
    weights = {
        'embeddings.cls_token': torch.zeros(1, 1, 64),
        'encoder.layer.0.layer_scale1.lambda1': torch.zeros(64),
        'encoder.layer.0.attention.attention.key.weight': torch.zeros(64, 64),
        'encoder.layer.0.attention.attention.value.weight': torch.zeros(64, 64),
    }
    torch.save(weights, tmp_path / 'half.pth')
    with pytest.raises(ValueError, match=r'\.weight without blocks\.0\.attn\.q\.weight, which belong together'):
        load_pretrained(EVAViT(dict(name='dinov2-small', **SIZES)), tmp_path / 'half.pth')


@pytest.mark.parametrize('arch', ['dinov2-base', 'dinov3-base', 'siglip-base', 'pe-core-base', 'eva02-base'])
def test_positions_are_resized_by_the_rule_of_the_family(tmp_path, arch):
    """Loading for another grid, then running there, is running there at once."""
    row = ARCH_ZOO[arch]
    sizes = dict(name=arch, **SIZES, feedforward_channels=96)
    source = randomise(EVAViT(sizes, img_size=4 * row.patch_size, out_type='raw'))
    torch.save(source.state_dict(), tmp_path / 'own.pth')
    size = (3 * row.patch_size, 5 * row.patch_size)
    model = EVAViT(sizes, img_size=size, out_type='raw')
    load_pretrained(model, tmp_path / 'own.pth')
    image = torch.randn(1, 3, *size)
    assert relative(model.eval()(image)[0], source(image)[0]) < 1e-6


def test_full_size_parameter_counts():
    """Those of timm's models without classifier; where timm leaves zero biases out, they are counted in."""
    timm = pytest.importorskip('timm')
    names = {
        'dinov2-small': 'vit_small_patch14_dinov2',
        'dinov2-giant-reg': 'vit_giant_patch14_reg4_dinov2',
        'dinov3-huge-plus': 'vit_huge_plus_patch16_dinov3_qkvb',
        'dinov3-7b': 'vit_7b_patch16_dinov3',
        'clip-large': 'vit_large_patch14_clip_quickgelu_224',
        'open-clip-huge': 'vit_huge_patch14_clip_224',
        'siglip-so400m': 'vit_so400m_patch14_siglip_378',
        'siglip2-so400m': 'vit_so400m_patch16_siglip_256',
        'siglip2-giant': 'vit_giantopt_patch16_siglip_256',
        'pe-core-large': 'vit_pe_core_large_patch14_336',
    }
    for arch, name in names.items():
        with torch.device('meta'):
            model, theirs = EVAViT(arch), timm.create_model(name, num_classes=0)
        # timm adds the position of the class token to the token where there are registers
        row = model.embed_dims if arch.endswith('-reg') else 0
        assert sum(p.numel() for p in model.parameters()) == sum(p.numel() for p in theirs.parameters()) + row, arch
    assert math.isclose(sum(p.numel() for p in model.parameters()), 0.32e9, rel_tol=0.05)
