"""EVA-CLIP-g, zero-shot: SUN397.

    python tools/test.py configs/clip/zero-shot_sun397.py eva_clip_psz14.pt

Published: 74.15 top-1 (release, clip/benchmark.md). All 108,754 pictures, since CLIP_benchmark has no split of it.
"""

_base_ = ['_base_/zero-shot_benchmark.py']

benchmark = dict(type='eva_mm.BenchmarkImages', name='sun397', data_root='data')
model = dict(zero_shot=dict(_delete_=True, classes=benchmark, templates=benchmark))
test_dataloader = dict(dataset=benchmark)
