"""EVA-CLIP-g, zero-shot: FGVC Aircraft.

    python tools/test.py configs/clip/zero-shot_aircraft.py eva_clip_psz14.pt

Published: 32.37 top-1 (release, clip/benchmark.md). Its 100 variants.
"""

_base_ = ['_base_/zero-shot_benchmark.py']

benchmark = dict(type='eva_mm.BenchmarkImages', name='fgvc_aircraft', data_root='data')
model = dict(zero_shot=dict(_delete_=True, classes=benchmark, templates=benchmark))
test_dataloader = dict(dataset=benchmark)
