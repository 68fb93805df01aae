import pytest
import torch
from torch import nn

from eva_mm.checkpoint import convert_state_dict
from eva_mm.models.backbones import EVAMAEViT, EVAPretrainViT, EVAViT


class Whole(nn.Module):
    """The names that a host's model gives to its parts."""

    def __init__(self, backbone, head, neck=None):
        super().__init__()
        self.backbone, self.head = backbone, head
        if neck is not None:
            self.neck = neck


def part(**modules):
    module = nn.Module()
    for name, child in modules.items():
        module.add_module(name, child)
    return module


def classifier(arch, out_type='avg_featmap', classes=11, neck=False, **kwargs):
    backbone = EVAViT(**{'arch': arch, 'img_size': 56, 'out_type': out_type, **kwargs})
    bn = part(bn=nn.BatchNorm1d(48, affine=False)) if neck else None
    return Whole(backbone, part(fc=nn.Linear(48, classes)), bn)


def pretrainer(arch):
    return Whole(EVAPretrainViT(arch=arch, img_size=56), part(lm_head=nn.Linear(48, 24)))


def mae_pretrainer(arch):
    decoder = dict(embed_dims=32, num_layers=1, num_heads=4, feedforward_channels=128)
    return Whole(EVAMAEViT(arch=arch, img_size=56, decoder_arch=decoder), part(lm_head=nn.Linear(32, 24)))


OWN_MODEL = {
    'mim': ('pretrain', pretrainer),
    'mae': ('pretrain', mae_pretrainer),
    'classifier': ('classification', classifier),
    'classifier-l': ('classification', lambda arch: classifier(arch, qkv_bias='full')),
    'linear-probe': ('classification', lambda arch: classifier(arch, 'cls_token', neck=True)),
}


@pytest.mark.parametrize('name', OWN_MODEL)
@pytest.mark.parametrize('with_target', [True, False])
def test_each_family_fills_its_own_model_strictly(family, small_arch, name, with_target):
    task, build = OWN_MODEL[name]
    model, weights = build(small_arch), family(name)
    target = model.state_dict() if with_target else None
    conversion = convert_state_dict({'model': weights}, task, target=target)
    model.load_state_dict(conversion.state_dict, strict=True)
    report = conversion.report
    assert not (report.missing or report.unexpected or report.dropped or report.fresh or report.resized)
    assert len(report.loaded) == len(weights) == len(report.renamed)
    assert all(torch.equal(model.state_dict()[new], weights[old]) for old, new in report.renamed.items())


@pytest.mark.parametrize(
    'name, out_type',
    [('classifier', 'avg_featmap')]
    + [
        (name, out_type)
        for name in ('mim', 'mim-p16', 'linear-probe', 'clip-vision', 'clip')
        for out_type in ('avg_featmap', 'cls_token')
    ],
)
@pytest.mark.parametrize('img_size, patch_size', [(56, 14), (84, 14), (96, 16)])
def test_every_file_fills_a_classifier(family, small_arch, name, out_type, img_size, patch_size):
    model = Whole(
        EVAViT(arch=small_arch, img_size=img_size, patch_size=patch_size, out_type=out_type),
        part(fc=nn.Linear(48, 11)),
    )
    conversion = convert_state_dict(family(name), 'classification', target=model.state_dict())
    report = conversion.report
    assert not report.missing and not report.unexpected
    left = model.load_state_dict(conversion.state_dict, strict=False)
    assert not left.unexpected_keys and set(left.missing_keys) == set(report.fresh)
    assert all(key.startswith(('head.fc', 'backbone.norm', 'backbone.fc_norm')) for key in report.fresh)
    assert len(report.loaded) + len(report.dropped) == len(family(name))


def test_a_pooling_classifier_has_no_norm_for_the_class_token(family, small_arch):
    model = classifier(small_arch, 'cls_token')
    report = convert_state_dict(family('classifier'), 'classification', target=model.state_dict()).report
    assert report.missing == ['backbone.norm.weight', 'backbone.norm.bias']
    assert report.dropped.keys() == {'fc_norm.weight', 'fc_norm.bias'}


def test_the_logit_scale_of_a_clip_may_be_beside_its_towers(family):
    """EVA01_CLIP_g_14_plus and what came after it have it there, `eva_clip_psz14.pt` in the text tower."""
    weights = family('clip')
    expected = convert_state_dict(weights, 'clip').state_dict
    moved = {name.replace('text.logit_scale', 'logit_scale'): weight for name, weight in weights.items()}
    assert moved.keys() - weights.keys() == {'logit_scale'}
    result = convert_state_dict(moved, 'clip')
    assert result.state_dict.keys() == expected.keys() and not result.report.unexpected
    assert result.state_dict['text.logit_scale'] == expected['text.logit_scale']
    # a classifier from it leaves the scale out
    assert not any('scale' in name for name in convert_state_dict(moved, 'classification').state_dict)


@pytest.mark.parametrize('task', ['detection', 'segmentation', 'video', 'clip'])
@pytest.mark.parametrize('name', ['mim', 'classifier', 'linear-probe', 'clip', 'mae'])
def test_every_task_takes_the_trunk_of_every_file(family, task, name):
    conversion = convert_state_dict(family(name), task)
    assert not conversion.report.unexpected
    prefix = 'visual.' if task == 'clip' else 'backbone.'
    assert {f'{prefix}blocks.1.mlp.fc2.bias', f'{prefix}pos_embed'} <= set(conversion.state_dict)


def test_the_report_accounts_for_every_weight(family, small_arch):
    weights = {**family('mim'), 'mystery.weight': torch.zeros(1)}
    report = convert_state_dict(weights, 'classification', target=classifier(small_arch).state_dict()).report
    assert report.dropped.keys() == {'mask_token', 'norm.weight', 'norm.bias', 'lm_head.weight', 'lm_head.bias'}
    assert report.fresh.keys() == {
        f'{name}.{kind}' for name in ('backbone.fc_norm', 'head.fc') for kind in ('weight', 'bias')
    }
    assert report.unexpected == ['mystery.weight']
    assert len(report.loaded) + len(report.dropped) + len(report.unexpected) == len(weights)
    text = str(report)
    assert 'mask_token: only masked image modelling' in text and 'unexpected  mystery.weight' in text


def test_shared_wrappers_are_taken_off(family):
    bare = family('classifier')
    for wrapped in (
        {'module': bare},
        {'state_dict': {f'module.{name}': value for name, value in bare.items()}, 'epoch': 3},
        {'model': {'model': bare}},
    ):
        converted = convert_state_dict(wrapped, 'classification').state_dict
        assert converted.keys() == convert_state_dict(bare, 'classification').state_dict.keys()


def test_own_checkpoints_are_taken_as_they_are_by_their_task_and_converted_by_others(small_arch):
    weights = pretrainer(small_arch).state_dict()
    same = convert_state_dict({'state_dict': weights}, 'pretrain')
    assert same.state_dict.keys() == weights.keys() and not same.report.renamed
    other = convert_state_dict({'state_dict': weights}, 'classification')
    assert set(other.report.dropped) == {
        'backbone.mask_token',
        'backbone.norm.weight',
        'backbone.norm.bias',
        'head.lm_head.weight',
        'head.lm_head.bias',
    }


def test_names_of_the_model_are_taken_whatever_its_task(small_arch):
    """A plain backbone in another host's model: its task is none that the names tell."""
    model = Whole(EVAViT(arch=small_arch, img_size=84, out_type='featmap'), part(conv_seg=nn.Linear(48, 3)))
    weights = Whole(EVAViT(arch=small_arch, img_size=56, out_type='featmap'), part(conv_seg=nn.Linear(48, 3)))
    conversion = convert_state_dict(weights.state_dict(), 'classification', target=model.state_dict())
    model.load_state_dict(conversion.state_dict, strict=True)
    assert conversion.report.resized.keys() == {'backbone.pos_embed'}


def test_classifier_of_other_classes_is_dropped_with_a_note(family, small_arch):
    model = classifier(small_arch, classes=5)
    report = convert_state_dict(family('classifier'), 'classification', target=model.state_dict()).report
    assert report.dropped == dict.fromkeys(['head.fc.weight', 'head.fc.bias'], 'made for 11 classes, the model has 5')
    assert report.fresh.keys() == {'head.fc.weight', 'head.fc.bias'}


def test_no_weight_is_copied_unless_it_is_resized(family, small_arch):
    weights = family('mim')
    converted = convert_state_dict(weights, 'pretrain', target=pretrainer(small_arch).state_dict()).state_dict
    assert converted['backbone.blocks.0.mlp.fc1.weight'] is weights['blocks.0.mlp.fc1.weight']


def test_image_weights_fill_a_clip_model(family):
    weights = family('mim')
    target = {
        'backbone.pos_embed': torch.empty(1, 1 + 4 * 16, 48, device='meta'),
        'backbone.patch_embed.proj.weight': torch.empty(48, 3, 1, 14, 14, device='meta'),
    }
    converted = convert_state_dict(weights, 'video', target=target).state_dict
    assert torch.equal(converted['backbone.pos_embed'][:, 17:33], weights['pos_embed'][:, 1:])
    assert torch.equal(converted['backbone.patch_embed.proj.weight'][:, :, 0], weights['patch_embed.proj.weight'])


def test_positions_that_are_not_square_need_the_grid(family, small_arch):
    model = Whole(EVAViT(arch=small_arch, img_size=(56, 84), out_type='avg_featmap'), part(fc=nn.Linear(48, 11)))
    with pytest.raises(ValueError, match='24 patch positions are no square grid: give the grid'):
        convert_state_dict(family('classifier'), 'classification', target=model.state_dict())
    conversion = convert_state_dict(family('classifier'), 'classification', target=model.state_dict(), grid=(4, 6))
    assert conversion.report.resized == {'backbone.pos_embed': ((1, 17, 48), (1, 25, 48))}


def test_only_one_part_of_the_model(family):
    conversion = convert_state_dict(family('classifier'), 'classification', only='backbone.')
    assert all(name.startswith('backbone.') for name in conversion.state_dict)
    assert conversion.report.dropped == dict.fromkeys(['head.weight', 'head.bias'], 'only backbone.* is wanted')


@pytest.mark.parametrize(
    'checkpoint, task, message',
    [
        ({'model': {}}, 'classification', 'holds no weights'),
        ({'conv1.weight': torch.zeros(1)}, 'classification', 'not of an EVA model'),
        (None, 'tracking', "task='tracking' is unknown: choose from pretrain, classification"),
    ],
)
def test_refusals(family, checkpoint, task, message):
    with pytest.raises(ValueError, match=message):
        convert_state_dict(checkpoint or family('mim'), task)


def test_another_width_is_refused(family, small_arch):
    model = classifier({**small_arch, 'embed_dims': 32})
    with pytest.raises(ValueError, match=r'another model: .* is \(1, 1, 48\) in the file and \(1, 1, 32\)'):
        convert_state_dict(family('classifier'), 'classification', target=model.state_dict())
