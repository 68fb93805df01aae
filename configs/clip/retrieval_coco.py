"""EVA-CLIP-g: image and text retrieval on COCO, Karpathy's test split.

    python tools/test.py configs/clip/retrieval_coco.py eva_clip_psz14.pt

Published: text-to-image R@1 44.07, image-to-text R@1 61.76 (release, clip/README.md).
"""

_base_ = ['_base_/retrieval.py']

test_dataloader = dict(dataset=dict(data_root='data/coco', ann_file='dataset_coco.json', data_prefix=dict(img='')))
