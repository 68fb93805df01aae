"""Names of EVA-CLIP: ``visual.`` and ``text.``; the vision trunk from any EVA file."""

from eva_mm.checkpoint.key_tables.trunk import OTHER_TASKS, trunk_rows
from eva_mm.checkpoint.rules import Fresh, KeyTable, Row

TABLE = KeyTable(
    rows=(
        *trunk_rows('visual.'),
        Row(r'(norm\..*)', r'visual.\1'),
        Row(r'((?:visual\.head|text)\..*)', r'\1'),
        *OTHER_TASKS,
    ),
    trunk='visual.',
    fresh=(
        Fresh(r'visual\.head\..*', 'the file is not of a CLIP, so it has no projection'),
        Fresh(
            r'visual\.blocks\.\d+\.attn\.inner_attn_ln\..*',
            'the file is of a pre-training model; as released, the new norm changes what the block computes',
        ),
        Fresh(r'visual\.norm\..*', 'the file is of a model that pools its tokens before it normalises them'),
        Fresh(r'text\..*', 'the file has no text tower'),
    ),
)
