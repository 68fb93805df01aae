"""Names of mmpretrain's ``ImageClassifier`` over an EVA backbone, with or without ``ClsBatchNormNeck``."""

from eva_mm.checkpoint.key_tables.trunk import OTHER_TASKS, trunk_rows
from eva_mm.checkpoint.rules import Fresh, KeyTable, Row

_NORM = dict(
    pattern=r'norm\.(.*)',
    to=r'backbone.norm.\1',
    reason='mean pooling normalises with fc_norm, which starts afresh as released',
)

TABLE = KeyTable(
    rows=(
        *trunk_rows(),
        # the classifier of pre-trained weights pools, that of a linear probe takes the normed class token
        Row(**_NORM, having=r'(lm_head|decoder_pred)\..*', assume=False),
        Row(**_NORM),
        Row(r'fc_norm\.(.*)', r'backbone.fc_norm.\1', reason='the model takes the normed class token'),
        Row(r'head\.(weight|bias)', r'head.fc.\1'),
        # the released linear probe is Sequential(BatchNorm1d, Linear)
        Row(r'head\.0\.(.*)', r'neck.bn.\1', reason='the model has no normalisation before its classifier'),
        Row(r'head\.1\.(.*)', r'head.fc.\1'),
        *OTHER_TASKS,
    ),
    own=r'head\.fc\..*',
    to_released=(
        Row(r'neck\.bn\.(.*)', r'head.0.\1'),
        Row(r'head\.fc\.(.*)', r'head.1.\1', having=r'neck\.bn\..*'),
        Row(r'head\.fc\.(.*)', r'head.\1'),
        Row(r'backbone\.(.*)', r'\1'),
    ),
    fresh=(
        Fresh(r'backbone\.fc_norm\..*', 'the file is of a model without mean pooling'),
        Fresh(r'head\.fc\..*', 'the file has no classifier for these classes'),
        Fresh(r'neck\.bn\..*', 'the file is of a model without normalisation before its classifier'),
    ),
    per_class=r'head\.fc\..*',
)
