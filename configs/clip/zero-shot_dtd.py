"""EVA-CLIP-g, zero-shot: Describable Textures.

    python tools/test.py configs/clip/zero-shot_dtd.py eva_clip_psz14.pt

Published: 61.33 top-1 (release, clip/benchmark.md). Its first test split.
"""

_base_ = ['_base_/zero-shot_benchmark.py']

benchmark = dict(type='eva_mm.BenchmarkImages', name='dtd', data_root='data')
model = dict(zero_shot=dict(_delete_=True, classes=benchmark, templates=benchmark))
test_dataloader = dict(dataset=benchmark)
