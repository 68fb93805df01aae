"""EVA-CLIP-g, zero-shot: MNIST.

    python tools/test.py configs/clip/zero-shot_mnist.py eva_clip_psz14.pt

Published: 62.34 top-1 (release, clip/benchmark.md).
"""

_base_ = ['_base_/zero-shot_benchmark.py']

benchmark = dict(type='eva_mm.BenchmarkImages', name='mnist', data_root='data')
model = dict(zero_shot=dict(_delete_=True, classes=benchmark, templates=benchmark))
test_dataloader = dict(dataset=benchmark)
