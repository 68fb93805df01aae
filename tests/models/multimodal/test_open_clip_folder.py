import json

import open_clip
import pytest
import torch
from torch.testing import assert_close

from eva_mm.checkpoint import convert_state_dict
from eva_mm.checkpoint.export import export_state_dict
from eva_mm.models.multimodal.open_clip_folder import fold_head_bias, save_open_clip_folder
from eva_mm.models.selfsup.clip_teacher import CLIPTeacher
from tests.helpers.parity import assert_near


@pytest.fixture
def released(build_clip, reference):
    """The golden model with its weights, images, tokens and their features."""
    model = build_clip().eval()
    data = reference('clip_full_a.pt')
    model.load_state_dict(data['state_dict'])
    return model, data['inputs']['image'], data['inputs']['text'], data['outputs']


def test_open_clip_opens_the_folder_and_sees_the_same(released, tmp_path):
    model, images, tokens, expected = released
    save_open_clip_folder(model, tmp_path)
    theirs, transform = open_clip.create_model_from_pretrained(f'local-dir:{tmp_path}')
    theirs.eval()
    with torch.no_grad():
        assert_near(theirs.encode_image(images), expected['image_only'])
        assert_near(theirs.encode_text(tokens), expected['text_only'])
    assert theirs.logit_scale.exp().item() == pytest.approx(expected['logit_scale'], rel=1e-6)
    assert transform.transforms[0].size == 56


def test_the_names_of_open_clip_and_timm(released):
    """A timm EVA of this size in open_clip's wrapper, as ``EVA01-g-14`` is."""
    model, images, tokens, expected = released
    theirs = open_clip.timm_model.TimmModel.__new__(open_clip.timm_model.TimmModel)
    torch.nn.Module.__init__(theirs)
    import timm

    theirs.trunk = timm.create_model(
        'eva_giant_patch14_224',
        img_size=56,
        embed_dim=48,
        depth=3,
        num_heads=4,
        mlp_ratio=4.3637,
        num_classes=24,
        global_pool='token',
    )
    theirs.head = torch.nn.Sequential()
    weights = export_state_dict(model.state_dict(), 'open_clip').state_dict
    visual = {name.removeprefix('visual.'): w for name, w in weights.items() if name.startswith('visual.')}
    theirs.load_state_dict(visual, strict=True)
    with torch.no_grad():
        assert_near(theirs.eval()(images), expected['image_only'])
    text = open_clip.transformer.TextTransformer(14, 90, 32, 4, 3, output_dim=24)
    text.load_state_dict({name.removeprefix('text.'): w for name, w in weights.items() if name.startswith('text.')})
    with torch.no_grad():
        assert_near(text(tokens), expected['text_only'])
    assert 'logit_scale' in weights
    back = convert_state_dict(weights, 'clip', target=model.state_dict())
    assert set(back.state_dict) == set(model.state_dict()) and not back.report.unexpected
    assert all(torch.equal(back.state_dict[name], weight) for name, weight in model.state_dict().items())


def test_full_size_has_the_names_of_eva01_g_14(released):
    theirs = open_clip.get_model_config('EVA01-g-14')
    with torch.device('meta'):
        model = open_clip.CustomTextCLIP(**{key: theirs[key] for key in ('embed_dim', 'vision_cfg', 'text_cfg')})
        from eva_mm.registry import MODELS

        ours = MODELS.build(
            dict(
                type='eva_mm.EVACLIP',
                visual=dict(type='eva_mm.EVACLIPViT', arch='giant'),
                text=dict(type='eva_mm.CLIPTextTower'),
            )
        )
    exported = export_state_dict(ours.state_dict(), 'open_clip').state_dict
    assert {name: w.shape for name, w in exported.items()} == {name: w.shape for name, w in model.state_dict().items()}


def test_the_folder_is_a_teacher(released, tmp_path):
    model, images, _, _ = released
    save_open_clip_folder(model, tmp_path)
    with torch.no_grad():
        patches = CLIPTeacher(f'local-dir:{tmp_path}')(images)
        visual = model.visual
        tokens, grid = visual.patch_embed(images)
        x = visual.embed(tokens, grid)
        for block in visual.blocks:
            x = block(x, grid)
        assert_near(patches, visual.head(visual.norm(x[:, 1:])))


def test_a_bias_moves_into_the_norm():
    weight, bias, norm_bias, x = torch.randn(4, 6), torch.randn(4), torch.randn(6), torch.randn(3, 6)
    folded = fold_head_bias(norm_bias, weight, bias).float()
    assert_close((x + folded) @ weight.T, (x + norm_bias) @ weight.T + bias, atol=1e-5, rtol=1e-5)


def test_a_bias_that_cannot_move():
    with pytest.raises(ValueError, match='from 4 to 6 channels cannot be moved'):
        fold_head_bias(torch.randn(4), torch.randn(6, 4), torch.randn(6))


def test_full_bias_and_odd_mlp(build_clip, tmp_path):
    model = build_clip(dict(qkv_bias='full')).eval()
    save_open_clip_folder(model, tmp_path, layout='native')
    theirs = open_clip.create_model(f'local-dir:{tmp_path}').eval()
    images = torch.randn(2, 3, 56, 56)
    with torch.no_grad():
        assert_near(theirs.encode_image(images, normalize=True), model.encode_image(images))
    assert json.loads((tmp_path / 'open_clip_config.json').read_text())['model_cfg']['embed_dim'] == 24


@pytest.mark.parametrize('layout, message', [('timm', "layout='timm' is for giant"), ('onnx', 'choose from auto')])
def test_layouts_that_do_not_fit(build_clip, tmp_path, layout, message):
    with pytest.raises(ValueError, match=message):
        save_open_clip_folder(build_clip(), tmp_path, layout)
