"""A file with the names of each family of EVA-02's files loads into the model of its config, at a reduced width."""

import json
import re
from importlib import import_module
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope

from eva_mm.checkpoint import load_model
from eva_mm.checkpoint.key_tables import key_table

ROOT = Path(__file__).parents[2]
NAMES = json.loads((ROOT / 'tests/data/reference/eva02/param_names_a.json').read_text())['models']
SIZES = dict(embed_dims=48, num_layers=2, num_heads=4, feedforward_channels=40)
# config, task, host, the models of the release whose names the file has, and how ours are translated to them
CASES = {
    'mim-ti': ('pretrain/eva02-ti-p14_mim-eva-clip-g_in21k-224px', 'pretrain', 'mmpretrain', 'mim_tiny_224'),
    'mim-b': ('pretrain/eva02-b-p14_mim-eva-clip-g_in21k-224px', 'pretrain', 'mmpretrain', 'mim_base_224'),
    'cls-s': ('classification/eva02-s-p14_mim-in21k_in1k-336px', 'classification', 'mmpretrain', 'cls_small_336_1000'),
    'cls-l': (
        'classification/eva02-l-p14_mim-m38m_in21k-pre_in1k-448px', 'classification', 'mmpretrain', 'cls_large_448_1000'
    ),
    'det': ('detection/cascade-mask-rcnn_eva02-b-p16_lsj-1024_coco', 'detection', 'mmdet', 'det_backbone_base_1024'),
    'det-o365': (
        'detection/cascade-mask-rcnn_eva02-l-p16_o365-pre_lsj-1536_coco', 'detection', 'mmdet',
        'det_backbone_large_1536_w16',
    ),
    'lvis': (
        'detection/cascade-mask-rcnn_eva02-l-p16_lsj-1536_lvis', 'detection', 'mmdet', 'det_backbone_large_1536_w32',
    ),
    'o365': ('detection/cascade-rcnn_eva02-l-p16_lsj-1536_o365', 'detection', 'mmdet', 'det_backbone_large_1536_w16'),
    'seg': ('segmentation/upernet_eva02-l-p16_ade20k-512px', 'segmentation', 'mmseg', 'seg_backbone_large_512'),
    'clip-b': ('clip/eva02-clip-b-p16_merged2b-224px', 'clip', 'mmpretrain', 'clip_EVA02-CLIP-B-16'),
    'clip-e': ('clip/eva02-clip-e-p14_laion2b-224px', 'clip', 'mmpretrain', 'clip_EVA02-CLIP-bigE-14'),
}  # fmt: skip
WRAPPERS = {'mim': 'module', 'cls': 'module', 'clip': 'module', 'seg': 'state_dict'}
SEGMENTOR = (('neck.upsample_4x.', 'backbone.fpn1.'), ('neck.upsample_2x.', 'backbone.fpn2.'))


def shrink(model, task):
    trunk = model['visual' if task == 'clip' else 'backbone']
    trunk.update(arch=dict(name=trunk['arch'], **SIZES), init_cfg=None)
    trunk['img_size'] = 4 * trunk['patch_size']
    if task == 'pretrain':
        # a teacher that is never loaded, of a name that needs no folder
        model['target_generator'].update(model='ViT-L-14-quickgelu', pretrained='openai')
        model['head'].update(embed_dims=48, out_channels=24)
    elif task == 'classification':
        model['head'].update(in_channels=48)
    elif task == 'clip':
        model['text'].update(width=16, heads=2, layers=2, vocab_size=50, init_cfg=None)
        model['embed_dim'] = 24
    elif task == 'detection':
        trunk.update(window_size=2, global_attn_indexes=(1,))
        model['init_cfg'] = None
        model['neck'].update(in_channels=48, out_channels=8)
        model['rpn_head'].update(in_channels=8, feat_channels=8)
        for head in model['roi_head']['bbox_head']:
            head.update(in_channels=8, conv_out_channels=8, fc_out_channels=16)
        if model['roi_head']['mask_head']:
            model['roi_head']['mask_head'].update(in_channels=8, conv_out_channels=8)
    else:
        trunk['out_indices'] = (0, 0, 1, 1)
        model['neck']['embed_dim'] = 48
        model['decode_head'].update(in_channels=[48] * 4, channels=16)
        model['auxiliary_head'].update(in_channels=48, channels=8)
    return model


def build(name):
    config, task, host, _ = CASES[name]
    registry = import_module(f'{host}.registry').MODELS
    import_module(f'{host}.utils').register_all_modules(init_default_scope=False)
    model = shrink(Config.fromfile(ROOT / f'configs/{config}.py').model, task)
    with DefaultScope.overwrite_default_scope(host):
        built = registry.build(model)
    for weight in built.state_dict().values():
        if weight.is_floating_point():
            torch.nn.init.normal_(weight)
    return built


def released(name, task):
    """Our name to that of the file."""
    if task == 'segmentation':
        for ours, theirs in SEGMENTOR:
            name = name.replace(ours, theirs)
        return name
    if task == 'clip':
        return name.replace('text.logit_scale', 'logit_scale')
    for row in key_table(task).to_released:
        if match := re.fullmatch(row.pattern, name):
            if row.having:
                continue
            name = match.expand(row.to)
            break
    if task == 'detection':
        # the pyramid is part of the backbone, the trunk is its net
        trunk = not name.startswith(('roi_heads', 'proposal_generator', 'simfp'))
        return ('backbone.net.' if trunk else 'backbone.' if name.startswith('simfp') else '') + name
    return name


def turns(names):
    """Tables of rotary positions, of whatever size: those of pre-training have three dimensions."""
    return {name: torch.rand(16, 16, 12) for name in names if 'rope' in name}


def file_of(name, model):
    """Names of the file, with those of two blocks, to weights; to our names."""
    _, task, _, key = CASES[name]
    weights = model.state_dict()
    ours = {released(each, task): each for each in weights}
    content = {theirs: weights[each].clone() for theirs, each in ours.items()}
    prefix = dict(detection='backbone.', segmentation='backbone.').get(task, '')
    listed = [prefix + each for each in NAMES[key]['keys']]
    content |= turns(each.replace('.N.', f'.{block}.') for each in listed for block in range(2))
    # the whole file of a classifier or a CLIP, what belongs to the backbone of another
    heads = ('roi_heads', 'proposal_generator', 'decode_head', 'auxiliary_head')
    of_backbone = {
        re.sub(r'(blocks|resblocks)\.\d+\.', r'\1.N.', each) for each in content if not each.startswith(heads)
    }
    assert of_backbone == {each.replace('.M.', '.N.') for each in listed}
    return content, ours


@pytest.mark.parametrize('name', CASES)
def test_nothing_is_missing_fresh_or_left_over(tmp_path, name):
    model, (_, task, _, _) = build(name), CASES[name]
    content, ours = file_of(name, model)
    if task == 'detection':
        content |= {f'pixel_{each}': torch.rand(3, 1, 1) for each in ('mean', 'std')}
    torch.save({WRAPPERS.get(name.split('-')[0], 'model'): content}, tmp_path / 'released.pt')
    other = build(name)
    report = load_model(other, tmp_path / 'released.pt', task)
    assert not (report.missing or report.fresh or report.unexpected or report.resized)
    assert all('rope' in each or 'pixel' in each for each in report.dropped)
    loaded = other.state_dict()
    assert len(report.loaded) == len(loaded) == len(ours)
    assert all(torch.equal(loaded[each], content[theirs]) for theirs, each in ours.items())


@pytest.mark.parametrize(('name', 'key'), [('cls-l', 'model_ema'), ('det-o365', 'ema_state')])
def test_averaged_weights_are_taken_and_said_so(tmp_path, name, key):
    """Published figures of these files are of the averages."""
    model, task = build(name), CASES[name][1]
    content, ours = file_of(name, model)
    training = {each: torch.zeros_like(weight) for each, weight in content.items()}
    torch.save({'model': training, key: content}, tmp_path / 'released.pth')
    other = build(name)
    report = load_model(other, tmp_path / 'released.pth', task)
    assert all(torch.equal(other.state_dict()[each], content[theirs]) for theirs, each in ours.items())
    assert 'averaged weights' in str(report)


@pytest.mark.parametrize(('name', 'to'), [('seg', 'cls-l'), ('cls-l', 'seg'), ('mim-b', 'det')])
def test_backbones_start_from_files_of_other_tasks(tmp_path, name, to):
    """What the heads of a released file hold is left out by name, nothing of the backbone is."""
    model, other = build(name), build(to)
    content, _ = file_of(name, model)
    torch.save({'module': content}, tmp_path / 'released.pth')
    report = load_model(other, tmp_path / 'released.pth', CASES[to][1])
    assert not (report.missing or report.unexpected)
    assert torch.equal(other.backbone.blocks[1].mlp.w3.weight, model.backbone.blocks[1].mlp.w3.weight)
