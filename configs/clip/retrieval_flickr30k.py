"""EVA-CLIP-g: image and text retrieval on Flickr30k, Karpathy's test split.

    python tools/test.py configs/clip/retrieval_flickr30k.py eva_clip_psz14.pt

Published: text-to-image R@1 72.64, image-to-text R@1 88.3 (release, clip/README.md).
"""

_base_ = ['_base_/retrieval.py']

test_dataloader = dict(
    dataset=dict(
        data_root='data/flickr30k', ann_file='dataset_flickr30k.json', data_prefix=dict(img='flickr30k-images')
    )
)
