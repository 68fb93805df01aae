"""Names of mmaction2's ``Recognizer3D`` over ``eva_mm.EVAViTVideo``; any EVA file gives the trunk."""

from eva_mm.checkpoint.key_tables.trunk import FINAL_NORM, OTHER_TASKS, trunk_rows
from eva_mm.checkpoint.rules import Fresh, KeyTable, Row

TABLE = KeyTable(
    rows=(
        *trunk_rows(),
        Row(r'fc_norm\.(.*)', r'backbone.fc_norm.\1', reason='the model does not pool its tokens'),
        Row(r'head\.(weight|bias)', r'cls_head.fc_cls.\1'),
        FINAL_NORM,
        *OTHER_TASKS,
    ),
    own=r'cls_head\..*',
    fresh=(
        Fresh(r'backbone\.fc_norm\..*', 'the file is of a model without mean pooling'),
        Fresh(r'cls_head\.fc_cls\..*', 'the file has no classifier for these classes'),
    ),
    per_class=r'cls_head\.fc_cls\..*',
)
