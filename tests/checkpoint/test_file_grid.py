"""Positions of every task's backbone between grids, square or not: resized from the grid they are of, or refused."""

from collections import OrderedDict

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from eva_mm.apis.weights import load_weights
from eva_mm.checkpoint import load_model, load_pretrained, read_checkpoint
from eva_mm.checkpoint.file_grid import recorded_grid
from eva_mm.checkpoint.resample import resize_relative_position_table
from eva_mm.models.backbones import EVAMAEViT, EVAPretrainViT, EVAViT, EVAViTDet, EVAViTVideo
from eva_mm.models.backbones.eva_vit_adapter import EVAViTAdapter
from eva_mm.models.multimodal.eva_clip_vit import EVACLIPViT

ARCH = dict(embed_dims=24, num_layers=4, num_heads=2, feedforward_channels=32)
PATCH = dict(adapter=16, det=16)


def build(kind, size, frames=8, biased=False):
    """A backbone of each task, whose images (or frames) have ``size`` patches."""
    pixels = tuple(side * PATCH.get(kind, 14) for side in size)
    match kind:
        case 'image':
            return EVAViT(ARCH, pixels, out_type='avg_featmap')
        case 'pretrain':
            return EVAPretrainViT(arch=ARCH, img_size=pixels)
        case 'clip':
            return EVACLIPViT(24, arch=ARCH, img_size=pixels)
        case 'mae':
            return EVAMAEViT(arch=ARCH, img_size=pixels, decoder_arch=dict(ARCH, num_layers=1))
        case 'det':
            return EVAViTDet(ARCH, pixels, patch_size=16, window_size=2, rel_pos_img_size=64)
        case 'adapter':
            return EVAViTAdapter(ARCH, pixels, prior_channels=4, deform_num_heads=2, relative_position_bias=biased)
        case 'video':
            return EVAViTVideo(ARCH, frames, pixels)


def saved(model, path):
    for name, tensor in model.named_parameters():
        if name.endswith(('pos_embed', 'bias_table')):
            nn.init.normal_(tensor)
    torch.save({'model': model.state_dict()}, path)
    return path


def stretched(table, grid, new_grid):
    """What the released loaders do, in their own terms: bicubic for images, trilinear for clips."""
    maps = table[:, 1:].transpose(1, 2).unflatten(2, grid)
    maps = F.interpolate(maps, size=new_grid, mode='bicubic' if len(grid) == 2 else 'trilinear', align_corners=False)
    return torch.cat((table[:, :1], maps.flatten(2).transpose(1, 2)), 1)


def error(actual, expected):
    return (actual - expected).abs().max() / expected.abs().max()


SIZES = [((4, 4), (6, 6)), ((4, 4), (2, 8)), ((2, 8), (4, 4)), ((3, 5), (5, 3)), ((6, 4), (4, 4)), ((4, 6), (4, 6))]


@pytest.mark.parametrize(('size', 'new_size'), SIZES)
@pytest.mark.parametrize('kind', ['image', 'pretrain', 'mae', 'clip', 'det', 'adapter', 'video'])
def test_positions_are_resized_from_the_grid_of_the_file(kind, size, new_size, tmp_path):
    old, new = build(kind, size), build(kind, new_size)
    report = load_pretrained(new, saved(old, tmp_path / 'file.pt'))
    expected = stretched(old.pos_embed.detach(), old.grid, new.grid)
    assert error(new.pos_embed.detach(), expected) < 1e-6
    assert ('pos_embed' in ' '.join(report.resized)) == (size != new_size)
    if size != new_size:
        shapes = ('x'.join(map(str, model.grid)) for model in (old, new))
        assert f'grid {" -> ".join(shapes)}' in str(report)


@pytest.mark.parametrize(('size', 'frames'), [((2, 2), 8), ((8, 8), 8), ((8, 8), 2), ((4, 4), 16), ((4, 4), 3)])
def test_clips_of_another_size_and_length(size, frames, tmp_path):
    """8 frames of 56 pixels at 28 and 112 pixels, in as many frames or others."""
    old, new = build('video', (4, 4)), build('video', size, frames)
    load_pretrained(new, saved(old, tmp_path / 'file.pt'))
    assert error(new.pos_embed.detach(), stretched(old.pos_embed.detach(), old.grid, new.grid)) < 1e-6


def bare(model, path):
    """A file that says nothing of its grid."""
    torch.save({'model': dict(model.state_dict())}, saved(model, path))
    return path


@pytest.mark.parametrize(('size', 'frames'), [((2, 2), 8), ((8, 8), 8), ((8, 8), 2), ((4, 4), 8)])
def test_clips_whose_grid_is_not_known_are_refused(size, frames, tmp_path):
    old, new = build('video', (4, 4)), build('video', size, frames)
    path = bare(old, tmp_path / 'file.pt')
    with pytest.raises(ValueError, match='128 patch positions are cut into frames: give file_grid'):
        load_pretrained(new, path)
    load_pretrained(new, path, file_grid=(8, 4, 4))
    assert error(new.pos_embed.detach(), stretched(old.pos_embed.detach(), (8, 4, 4), new.grid)) < 1e-6


def test_a_grid_that_is_not_that_of_the_table_is_refused(tmp_path):
    path = bare(build('video', (4, 4)), tmp_path / 'file.pt')
    with pytest.raises(ValueError, match=r'128 patch positions, which are not a grid of \(8, 4, 5\)'):
        load_pretrained(build('video', (4, 4)), path, file_grid=(8, 4, 5))
    with pytest.raises(ValueError, match=r'128 patch positions, which are not a grid of \(8, 16\)'):
        load_pretrained(build('video', (4, 4)), path, file_grid=(8, 16))


@pytest.mark.parametrize(('frames', 'model_frames', 'remark'), [
    (8, 16, '8x16x16 -> 16x2x2 (as released: frames of 224 pixels)'),
    (16, 8, '16x16x16 -> 8x2x2 (as released: frames of 224 pixels)'),
])  # fmt: skip
def test_released_clips_need_no_record(frames, model_frames, remark, tmp_path):
    old, new = build('video', (16, 16), frames), build('video', (2, 2), model_frames)
    report = load_pretrained(new, bare(old, tmp_path / 'file.pt'))
    assert report.grids == {'backbone.pos_embed': remark}
    assert error(new.pos_embed.detach(), stretched(old.pos_embed.detach(), old.grid, new.grid)) < 1e-6


def test_images_that_say_nothing_are_square_and_the_report_says_so(tmp_path):
    old, new = build('image', (4, 4)), build('image', (2, 8))
    report = load_pretrained(new, bare(old, tmp_path / 'file.pt'))
    assert error(new.pos_embed.detach(), stretched(old.pos_embed.detach(), (4, 4), (2, 8))) < 1e-6
    assert 'grid 4x4 -> 2x8 (square, as the images of all released files)' in str(report)
    with pytest.raises(ValueError, match='15 patch positions are no square grid'):
        load_pretrained(build('image', (3, 5)), bare(build('image', (3, 5)), tmp_path / 'other.pt'))


CONFIGS = [
    ("model = dict(type='Recognizer3D', backbone=dict(type='eva_mm.EVAViTVideo', num_frames=4, img_size=(28, 112)))",
     (48, 3, 2, 14, 14), (2, 2, 8)),
    ("model = dict(backbone=dict(type='eva_mm.EVAViTVideo'))", (48, 3, 1, 14, 14), (16, 16, 16)),
    ("model = dict(backbone=dict(type='eva_mm.EVAViT', img_size=[32, 64]))", (48, 3, 16, 16), (2, 4)),
    ("model = dict(data_preprocessor=dict(), backbone=dict(type='EVAViTAdapter'))", (48, 3, 16, 16), (56, 56)),
    ("model = dict(visual=dict(type='eva_mm.EVACLIPViT', img_size=28))", (48, 3, 14, 14), (2, 2)),
    ("model = dict(backbone=dict(type='BEiTViT', img_size=28))", (48, 3, 14, 14), None),
    ("model = dict(backbone=dict(type='eva_mm.EVAViT', img_size='large'))", (48, 3, 14, 14), None),
    ("import os", (48, 3, 14, 14), None),
]  # fmt: skip


@pytest.mark.parametrize(('text', 'kernel', 'grid'), CONFIGS)
def test_the_config_in_a_checkpoint_tells_its_grid(text, kernel, grid):
    weights = {'backbone.patch_embed.proj.weight': torch.empty(kernel, device='meta')}
    assert recorded_grid({'state_dict': weights, 'meta': dict(cfg=text)}) == grid


def test_checkpoints_of_a_runner_keep_the_record(tmp_path):
    from mmengine.runner.checkpoint import get_state_dict, save_checkpoint, weights_to_cpu

    weights = weights_to_cpu(get_state_dict(Model(build('video', (2, 8)))))
    save_checkpoint({'meta': {}, 'state_dict': weights}, str(tmp_path / 'epoch_1.pth'))
    assert recorded_grid(read_checkpoint(tmp_path / 'epoch_1.pth')) == (8, 2, 8)


@pytest.mark.parametrize('metadata', [{'': {'grid': 'large'}}, {'': {'grid': (2, -8)}}, {'': 3}, [1], None])
def test_damaged_records_are_no_record(metadata):
    weights = OrderedDict(pos_embed=torch.zeros(1, 17, 8))
    weights._metadata = metadata
    assert recorded_grid({'model': weights}) is None


def test_weights_of_another_grid_are_not_copied_by_torch_itself():
    """Resuming, for instance: the number of rows is the same."""
    with pytest.raises(ValueError, match=r'of a grid \(8, 4, 4\), those of the model of \(2, 8, 8\): load them with'):
        build('video', (8, 8), 2).load_state_dict(build('video', (4, 4)).state_dict())


class Model(nn.Module):
    def __init__(self, backbone):
        super().__init__()
        self.backbone = backbone


@pytest.mark.parametrize('loader', [load_weights, lambda model, file: load_model(model, file, 'video')])
def test_whole_models_resize_tables_of_the_same_length(loader, tmp_path):
    old, new = Model(build('video', (4, 4))), Model(build('video', (8, 8), 2))
    loader(new, str(saved(old, tmp_path / 'file.pt')))
    expected = stretched(old.backbone.pos_embed.detach(), (8, 4, 4), (2, 8, 8))
    assert error(new.backbone.pos_embed.detach(), expected) < 1e-6


def test_relative_tables_of_the_same_length_follow_the_grid(tmp_path):
    """Windows of 3 x 5 and 5 x 3 have 45 offsets each: they are not copied, and no error asks for a square."""
    old, new = build('adapter', (3, 5), biased=True), build('adapter', (5, 3), biased=True)
    report = load_pretrained(new, saved(old, tmp_path / 'file.pt'))
    table = 'blocks.0.attn.rel_pos.relative_position_bias_table'
    assert report.resized[f'backbone.{table}'] == ((48, 2), (48, 2))
    expected = resize_relative_position_table(old.get_parameter(table).detach(), (3, 5), (5, 3))
    assert torch.equal(new.get_parameter(table).detach(), expected)
