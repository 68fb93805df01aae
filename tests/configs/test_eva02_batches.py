"""The batch of every EVA-02 recipe, which ``--auto-scale-lr`` divides by."""

from pathlib import Path

import pytest
from mmengine.config import Config

CONFIGS = Path(__file__).parents[2] / 'configs'
# as the release trained: its READMEs and configs, GPUs times images on each
BATCHES = {
    'segmentation/upernet_eva02-l-p16_ade20k-512px': 16,
    'segmentation/upernet_eva02-l-p16_ade20k-640px': 16,
    'segmentation/upernet_eva02-b-p16_ade20k-512px': 32,
    'detection/cascade-mask-rcnn_eva02-l-p16_o365-pre_lsj-1536_coco': 64,
    'detection/cascade-mask-rcnn_eva02-l-p16_o365-pre_lsj-1536_lvis': 64,
    'detection/cascade-mask-rcnn_eva02-b-p16_lsj-1024_coco': 128,
    'detection/cascade-mask-rcnn_eva02-b-p16_lsj-1024_lvis': 128,
    'detection/cascade-mask-rcnn_eva02-b-p16_lsj-1536_coco': 128,
    'detection/cascade-mask-rcnn_eva02-l-p16_lsj-1024_lvis': 128,
    'detection/cascade-mask-rcnn_eva02-l-p16_lsj-1536_coco': 128,
    'detection/cascade-mask-rcnn_eva02-l-p16_lsj-1536_lvis': 128,
    'detection/cascade-mask-rcnn_eva02-l-p16_lsj-1024_coco': 144,
    'detection/cascade-rcnn_eva02-l-p16_lsj-1536_o365': 160,
    'detection/cascade-rcnn_eva02-l-p16_mim-in21k_lsj-1536_o365': 160,
    'classification/eva02-b-p14_mim-in21k_in21k-pre_in1k-448px': 512,
    'classification/eva02-l-p14_mim-in21k_in21k-pre_in1k-448px': 512,
    'classification/eva02-l-p14_mim-m38m_in21k-pre_in1k-448px': 512,
    'classification/eva02-b-p14_mim-in21k_in1k-448px': 1024,
    'classification/eva02-l-p14_mim-in21k_in1k-448px': 1024,
    'classification/eva02-l-p14_mim-in21k_in21k-448px': 1024,
    'classification/eva02-l-p14_mim-m38m_in1k-448px': 1024,
    'classification/eva02-s-p14_mim-in21k_in1k-336px': 1024,
    'classification/eva02-ti-p14_mim-in21k_in1k-336px': 1024,
    'classification/eva02-b-p14_mim-in21k_in21k-448px': 2048,
    'classification/eva02-l-p14_mim-m38m_in21k-448px': 2048,
    'pretrain/eva02-b-p14_mim-eva-clip-g_in21k-224px': 2048,
    'pretrain/eva02-l-p14_mim-eva-clip-g_in21k-224px': 2048,
    'pretrain/eva02-l-p14_mim-eva-clip-g_merged38m-224px': 2048,
    'pretrain/eva02-s-p14_mim-eva-clip-g_in21k-224px': 4000,
    'pretrain/eva02-ti-p14_mim-eva-clip-g_in21k-224px': 4000,
    'clip/eva02-clip-l-p14_merged2b-336px': 61440,
    'clip/eva02-clip-e-p14_laion2b-224px': 115_200,
    'clip/eva02-clip-b-p16_merged2b-224px': 131_072,
    'clip/eva02-clip-l-p14_merged2b-224px': 131_072,
    'clip/eva02-clip-e-plus-p14_laion2b-224px': 144_000,
}


def test_every_recipe_is_here():
    # mask evaluations and robustness tables inherit a recipe and change what is measured; EoMT's are not of the release
    found = {f'{path.parent.name}/{path.stem}' for path in CONFIGS.glob('*/*eva02-*.py') if 'eomt' not in path.stem}
    found = {
        name
        for name in found
        if not name.startswith(('nano/', '_base_/', 'clip/zero-shot')) and 'robustness' not in name
    }
    assert {name for name in found if not name.endswith('_mask')} == set(BATCHES)


@pytest.mark.parametrize('name', BATCHES)
def test_batch(name):
    assert Config.fromfile(CONFIGS / f'{name}.py').auto_scale_lr.base_batch_size == BATCHES[name]
