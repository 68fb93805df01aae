"""EVA-CLIP-g, zero-shot: Caltech-101.

    python tools/test.py configs/clip/zero-shot_caltech101.py eva_clip_psz14.pt

Published: 87.72 top-1 (release, clip/benchmark.md). All pictures, those of the background as well: CLIP_benchmark has
no split of it.
"""

_base_ = ['_base_/zero-shot_benchmark.py']

benchmark = dict(type='eva_mm.BenchmarkImages', name='caltech101', data_root='data')
model = dict(zero_shot=dict(_delete_=True, classes=benchmark, templates=benchmark))
test_dataloader = dict(dataset=benchmark)
