"""Names of a mmseg segmentor over an EVA backbone.

The trunk comes from any EVA file. Adapter and Mask2Former head come from the released segmentors, whose head has the
names of mmdet 2: attentions and feed-forward nets of a layer are numbered there and named in mmdet 3. The released
backbone of EVA-02 holds the pyramid that is a neck in mmseg.
"""

from eva_mm.checkpoint.key_tables.trunk import EOMT_FRESH, FINAL_NORM, OTHER_TASKS, eomt_rows, trunk_rows
from eva_mm.checkpoint.rules import Fresh, KeyTable, Layout, Row

_ENCODER = r'(decode_head\.pixel_decoder\.encoder\.layers\.\d+\.)'
_DECODER = r'(decode_head\.transformer_decoder\.layers\.\d+\.)'

TABLE = KeyTable(
    rows=(
        *trunk_rows(relative_position=True),
        Row(
            r'((?:spm|interactions|up|norm[1-4])\..*|level_embed)',
            r'backbone.\1',
            reason='the model has no ViT-Adapter',
        ),
        Row(r'fpn1\.(.*)', r'neck.upsample_4x.\1', reason='the model has another pyramid'),
        Row(r'fpn2\.(.*)', r'neck.upsample_2x.\1', reason='the model has another pyramid'),
        Row(rf'{_ENCODER}attentions\.0\.(.*)', r'\1self_attn.\2', reason='the model has another head'),
        Row(rf'{_DECODER}attentions\.0\.(.*)', r'\1cross_attn.\2', reason='the model has another head'),
        Row(rf'{_DECODER}attentions\.1\.(.*)', r'\1self_attn.\2', reason='the model has another head'),
        Row(rf'(?:{_ENCODER}|{_DECODER})ffns\.0\.(.*)', r'\1\2ffn.\3', reason='the model has another head'),
        Row(r'((?:decode_head|auxiliary_head)\..*)', r'\1', reason='the model has another head'),
        *eomt_rows('decode_head'),
        FINAL_NORM,
        *OTHER_TASKS,
    ),
    own=r'decode_head\..*',
    fresh=(
        EOMT_FRESH,
        Fresh(r'backbone\.(level_embed|(spm|interactions|up|norm[1-4])\..*)', 'the adapter starts afresh'),
        Fresh(
            r'backbone\.blocks\.\d+\.(gamma_[12]|attn\.(.*\.)?relative_position_bias_table)',
            'starts as the identity',
        ),
        Fresh(r'(decode_head|auxiliary_head|neck)\..*', 'the file has no such head for these classes'),
    ),
    per_class=r'(decode_head\.(cls_embed|conv_seg)|auxiliary_head\.conv_seg)\..*',
    layouts=(
        Layout(
            'eva-seg',
            (r'backbone\.blocks\..*', r'decode_head\..*\.attentions\.0\..*'),
            (Row(r'backbone\.(.*)', r'\1'),),
        ),
        Layout('eva02-seg', (r'backbone\.blocks\..*', r'backbone\.fpn1\..*'), (Row(r'backbone\.(.*)', r'\1'),)),
    ),
)
