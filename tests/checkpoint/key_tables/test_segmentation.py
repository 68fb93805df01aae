import re

import pytest
import torch

from eva_mm.checkpoint import convert_state_dict

LAYER = 'decode_head.transformer_decoder.layers.0'
ENCODER = 'decode_head.pixel_decoder.encoder.layers.0'
# name in the released files, of mmdet 2, and in mmdet 3
NAMES = {
    f'{ENCODER}.attentions.0.sampling_offsets.weight': f'{ENCODER}.self_attn.sampling_offsets.weight',
    f'{ENCODER}.ffns.0.layers.0.0.weight': f'{ENCODER}.ffn.layers.0.0.weight',
    f'{ENCODER}.norms.1.bias': f'{ENCODER}.norms.1.bias',
    f'{LAYER}.attentions.0.attn.in_proj_weight': f'{LAYER}.cross_attn.attn.in_proj_weight',
    f'{LAYER}.attentions.1.attn.out_proj.bias': f'{LAYER}.self_attn.attn.out_proj.bias',
    f'{LAYER}.ffns.0.layers.1.bias': f'{LAYER}.ffn.layers.1.bias',
    f'{LAYER}.norms.2.weight': f'{LAYER}.norms.2.weight',
    'decode_head.cls_embed.weight': 'decode_head.cls_embed.weight',
    'decode_head.query_embed.weight': 'decode_head.query_embed.weight',
    'decode_head.level_embed.weight': 'decode_head.level_embed.weight',
    'backbone.level_embed': 'backbone.level_embed',
    'backbone.spm.stem.1.running_mean': 'backbone.spm.stem.1.running_mean',
    'backbone.interactions.3.extra_extractors.1.ffn.dwconv.dwconv.weight': (
        'backbone.interactions.3.extra_extractors.1.ffn.dwconv.dwconv.weight'
    ),
    'backbone.norm4.weight': 'backbone.norm4.weight',
    'backbone.up.bias': 'backbone.up.bias',
    'backbone.blocks.0.gamma_1': 'backbone.blocks.0.gamma_1',
    'backbone.blocks.0.attn.relative_position_bias_table': (
        'backbone.blocks.0.attn.rel_pos.relative_position_bias_table'
    ),
}


def _released(classes=3):
    weights = {name: torch.full((2, 2), float(index)) for index, name in enumerate(NAMES)}
    weights['decode_head.cls_embed.weight'] = torch.zeros(classes, 2)
    return weights | {
        'backbone.pos_embed': torch.randn(1, 17, 8),
        'backbone.blocks.0.attn.qkv.weight': torch.randn(24, 8),
        'backbone.blocks.0.attn.relative_position_index': torch.zeros(17, 17),
    }


def test_released_segmentors_get_the_names_of_mmdet_3():
    weights = _released()
    converted, report = convert_state_dict({'meta': {}, 'state_dict': weights}, 'segmentation')
    assert report.layout == 'eva-seg' and not report.unexpected
    for old, new in NAMES.items():
        assert converted[new] is weights[old], old
    assert list(report.dropped) == ['backbone.blocks.0.attn.relative_position_index']
    assert len(converted) == len(weights) - 1


def test_another_number_of_classes_drops_only_the_classifier():
    target = {new: torch.empty(2, 2) for new in NAMES.values()}
    target |= {'backbone.pos_embed': torch.empty(1, 17, 8), 'backbone.blocks.0.attn.qkv.weight': torch.empty(24, 8)}
    converted, report = convert_state_dict(_released(classes=5), 'segmentation', target=target)
    assert set(target) - set(converted) == {'decode_head.cls_embed.weight'}
    assert 'made for 5 classes, the model has 2' in report.dropped['decode_head.cls_embed.weight']
    assert list(report.fresh) == ['decode_head.cls_embed.weight'] and not report.missing


def test_our_own_files_are_taken_as_they_are():
    own = {new: torch.zeros(2, 2) for new in NAMES.values()}
    own['backbone.blocks.0.attn.qkv.weight'] = torch.randn(24, 8)
    converted, report = convert_state_dict(own, 'segmentation')
    assert report.layout == 'eva_mm' and converted.keys() == own.keys() and not report.renamed


@pytest.mark.parametrize('family_name', ['mim', 'mim-p16', 'clip-vision', 'classifier', 'mae'])
@pytest.mark.parametrize('biased', [False, True])
def test_every_pretrained_file_starts_an_adapter(family, small_arch, family_name, biased):
    from eva_mm.models.backbones.eva_vit_adapter import EVAViTAdapter

    arch = {**small_arch, 'num_layers': 4}
    model = EVAViTAdapter(
        arch, 96, relative_position_bias=biased, layer_scale_init_value=1.0 if biased else None, prior_channels=4,
        deform_num_heads=2, qkv_bias='full' if family_name == 'mae' else 'qv',
    )  # fmt: skip
    weights = family(family_name)
    for name in [name for name in weights if re.match(r'blocks\.[01]\.', name)]:
        block, rest = re.match(r'blocks\.(\d)\.(.*)', name).groups()
        weights[f'blocks.{int(block) + 2}.{rest}'] = weights[name]
    target = {f'backbone.{name}': weight for name, weight in model.state_dict().items()}
    converted, report = convert_state_dict(weights, 'segmentation', target=target, grid=model.grid)
    assert not report.missing and not report.unexpected
    assert converted['backbone.patch_embed.proj.weight'].shape[-2:] == (16, 16)
    assert converted['backbone.pos_embed'].shape[1] == 37
    model.load_state_dict({k.removeprefix('backbone.'): v for k, v in converted.items()}, strict=False)
    assert torch.equal(model.blocks[3].attn.qkv.weight, weights['blocks.1.attn.qkv.weight'])
    assert {name.split('.')[1] for name in report.fresh if 'blocks' not in name} == {
        'level_embed', 'spm', 'interactions', 'up', 'norm1', 'norm2', 'norm3', 'norm4'
    }  # fmt: skip
