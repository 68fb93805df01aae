"""EVA-CLIP-g, zero-shot: PASCAL VOC 2007.

    python tools/test.py configs/clip/zero-shot_voc2007.py eva_clip_psz14.pt

Published: 83.23 top-1 (release, clip/benchmark.md). Every object of the test pictures by itself, cut out by its box.
"""

_base_ = ['_base_/zero-shot_benchmark.py']

benchmark = dict(type='eva_mm.BenchmarkImages', name='voc2007', data_root='data')
model = dict(zero_shot=dict(_delete_=True, classes=benchmark, templates=benchmark))
test_dataloader = dict(dataset=benchmark)
