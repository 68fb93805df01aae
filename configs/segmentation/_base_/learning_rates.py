# Two rules of learning rates and weight decay; EVA_SEG_RATES=corrected in the environment chooses the second in every
# config that has the first.
#
# released:  queries, their features, the level embeddings and the class and mask MLPs of the head have the rate of
#            layer 0 (0.122 of the full rate at a decay of 0.95, 0.0133 at 0.9), and positions and the class token are
#            decayed. Names are tested without their prefix in the release's layer_decay_optimizer_constructor.py; the
#            published logs show both.
# corrected: the whole head has the full rate, positions and the class token are not decayed.
rate_rules = dict(
    released=dict(
        norm_decay_mult=0.0,
        bias_decay_mult=0.0,
        flat_decay_mult=0.0,
        first_layer_keys=[
            'decode_head.query_embed',
            'decode_head.query_feat',
            'decode_head.level_embed',
            'decode_head.cls_embed',
            'decode_head.mask_embed',
        ],
    ),
    corrected=dict(
        norm_decay_mult=0.0,
        bias_decay_mult=0.0,
        flat_decay_mult=0.0,
        custom_keys={'.pos_embed': dict(decay_mult=0.0), '.cls_token': dict(decay_mult=0.0)},
    ),
)

learning_rates = rate_rules['{{$EVA_SEG_RATES:released}}']
