"""EVA-CLIP-g, zero-shot: FER 2013.

    python tools/test.py configs/clip/zero-shot_fer2013.py eva_clip_psz14.pt

Published: 52.17 top-1 (release, clip/benchmark.md). `data/fer2013/test/` has a folder for each of the 7 classes.
"""

_base_ = ['_base_/zero-shot_benchmark.py']

benchmark = dict(type='eva_mm.BenchmarkImages', name='fer2013', data_root='data/fer2013')
model = dict(zero_shot=dict(_delete_=True, classes=benchmark, templates=benchmark))
test_dataloader = dict(dataset=benchmark)
