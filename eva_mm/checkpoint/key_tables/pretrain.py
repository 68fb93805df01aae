"""Names of ``eva_mm.EVAMIM``: EVA and EVA-L pre-training. The teacher is never in a checkpoint."""

from eva_mm.checkpoint.key_tables.trunk import OTHER_TASKS, trunk_rows
from eva_mm.checkpoint.rules import Fresh, KeyTable, Row

TABLE = KeyTable(
    rows=(
        *trunk_rows(),
        Row(r'(mask_token|norm\..*)', r'backbone.\1'),
        Row(r'(?:lm_head|decoder_pred)\.(weight|bias)', r'head.lm_head.\1'),
        Row(r'(decoder_(?:embed|pos_embed|blocks|norm)(?:\..*)?)', r'backbone.\1'),
        *OTHER_TASKS,
    ),
    own=r'head\.lm_head\..*',
    to_released=(
        Row(r'head\.lm_head\.(.*)', r'decoder_pred.\1', having=r'backbone\.decoder_embed\..*'),
        Row(r'head\.lm_head\.(.*)', r'lm_head.\1'),
        Row(r'backbone\.(.*)', r'\1'),
    ),
    fresh=(
        Fresh(r'backbone\.mask_token|head\.lm_head\..*', 'the file is not of a pre-training model'),
        Fresh(r'backbone\.norm\..*', 'the file is of a model that pools its tokens before it normalises them'),
    ),
)
