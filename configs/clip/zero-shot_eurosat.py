"""EVA-CLIP-g, zero-shot: EuroSAT.

    python tools/test.py configs/clip/zero-shot_eurosat.py eva_clip_psz14.pt

Published: 73.57 top-1 (release, clip/benchmark.md). All 27,000 pictures, since CLIP_benchmark has no split of it.
"""

_base_ = ['_base_/zero-shot_benchmark.py']

benchmark = dict(type='eva_mm.BenchmarkImages', name='eurosat', data_root='data')
model = dict(zero_shot=dict(_delete_=True, classes=benchmark, templates=benchmark))
test_dataloader = dict(dataset=benchmark)
