"""One global block of a detector, 80 x 80 tokens and four heads of 88 channels, for projects/benchmarks/benchmark.py.

    python projects/benchmarks/benchmark.py --config projects/benchmarks/global-block.py --img-size 1280

The heads are as wide as those of EVA-g, four of its sixteen.
"""

model = dict(
    backbone=dict(
        type='eva_mm.EVAViTDet',
        arch=dict(embed_dims=352, num_layers=1, num_heads=4, feedforward_channels=1408),
        img_size=224,
        rel_pos_img_size=1280,
        global_attn_indexes=(0,),
    )
)
