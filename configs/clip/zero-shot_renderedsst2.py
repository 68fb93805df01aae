"""EVA-CLIP-g, zero-shot: Rendered SST-2.

    python tools/test.py configs/clip/zero-shot_renderedsst2.py eva_clip_psz14.pt

Published: 58.38 top-1 (release, clip/benchmark.md).
"""

_base_ = ['_base_/zero-shot_benchmark.py']

benchmark = dict(type='eva_mm.BenchmarkImages', name='renderedsst2', data_root='data')
model = dict(zero_shot=dict(_delete_=True, classes=benchmark, templates=benchmark))
test_dataloader = dict(dataset=benchmark)
