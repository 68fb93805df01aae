import pytest
import torch

from eva_mm.checkpoint import convert_state_dict, resample
from eva_mm.checkpoint.fit import fit_to_size
from eva_mm.checkpoint.report import Report


def empty(**shapes):
    return {f'backbone.{name}': torch.empty(shape, device='meta') for name, shape in shapes.items()}


def test_tables_of_relative_positions_follow_the_window(family):
    weights = {
        **family('mim'),
        'blocks.0.attn.relative_position_bias_table': torch.randn(7 * 7 + 3, 4),
        'blocks.0.attn.rel_pos_h': torch.randn(7, 12),
    }
    target = empty(
        **{
            'blocks.0.attn.rel_pos.relative_position_bias_table': (11 * 11 + 3, 4),
            'blocks.0.attn.rel_pos.h': (11, 12),
        }
    )
    converted = convert_state_dict(weights, 'detection', target=target).state_dict
    table = weights['blocks.0.attn.relative_position_bias_table']
    expected = resample.resize_relative_position_table(table, (4, 4), (6, 6))
    assert torch.equal(converted['backbone.blocks.0.attn.rel_pos.relative_position_bias_table'], expected)
    expected = resample.resize_relative_position(weights['blocks.0.attn.rel_pos_h'], 11)
    assert torch.equal(converted['backbone.blocks.0.attn.rel_pos.h'], expected)


def clip_file(family, frames):
    weights = family('classifier')
    weights['pos_embed'] = torch.randn(1, 1 + frames * 16, 48)
    weights['patch_embed.proj.weight'] = torch.randn(48, 3, 1, 14, 14)
    return weights


def test_clips_of_another_length_need_the_grid(family):
    target = empty(pos_embed=(1, 1 + 8 * 16, 48), **{'patch_embed.proj.weight': (48, 3, 1, 14, 14)})
    weights = clip_file(family, 4)
    converted = convert_state_dict(weights, 'video', target=target, grid=(8, 4, 4)).state_dict
    expected = resample.resize_positions(weights['pos_embed'], (4, 4, 4), (8, 4, 4))
    assert torch.equal(converted['backbone.pos_embed'], expected)
    with pytest.raises(ValueError, match=r'how its 64 patch positions are cut into frames: give file_grid=\(T, H, W\)'):
        convert_state_dict(weights, 'video', target=target)


def test_a_video_model_cannot_serve_images(family):
    target = empty(pos_embed=(1, 17, 48), **{'patch_embed.proj.weight': (48, 3, 14, 14)})
    with pytest.raises(ValueError, match='video model, whose positions cannot serve images'):
        convert_state_dict(clip_file(family, 4), 'classification', target=target)


def test_sizes_without_a_model(family):
    weights, report = family('mim'), Report('released', 'released')
    fitted = fit_to_size(weights, report, patch_size=16, img_size=96)
    assert fitted['patch_embed.proj.weight'].shape == (48, 3, 16, 16) and fitted['pos_embed'].shape == (1, 37, 48)
    assert report.resized.keys() == {'patch_embed.proj.weight', 'pos_embed'}
    assert fit_to_size(weights, report)['pos_embed'] is weights['pos_embed']
    with pytest.raises(ValueError, match='57 pixels cannot be cut into patches of 14'):
        fit_to_size(weights, report, img_size=57)
