"""EVA-CLIP-g, zero-shot: RESISC45.

    python tools/test.py configs/clip/zero-shot_resisc45.py eva_clip_psz14.pt

Published: 70.3 top-1 (release, clip/benchmark.md). CLIP_benchmark has it as VTAB's test split alone, which its project
publishes in shards, wds_vtab-resisc45; TensorFlow is not needed for these.
"""

_base_ = ['_base_/zero-shot_benchmark.py']

benchmark = dict(type='eva_mm.BenchmarkShards', data_root='data/wds_vtab-resisc45')
model = dict(zero_shot=dict(_delete_=True, classes=benchmark, templates=benchmark))
test_dataloader = dict(dataset=benchmark)
