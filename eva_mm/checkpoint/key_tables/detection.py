"""Names of mmdet's Cascade R-CNN over ``eva_mm.EVAViTDet``: the released detectors, and the trunk from any EVA file."""

import re

from eva_mm.checkpoint.key_tables.trunk import EOMT_FRESH, FINAL_NORM, OTHER_TASKS, eomt_rows, trunk_rows
from eva_mm.checkpoint.rules import Fresh, KeyTable, Layout, Row

# released name, our name; a brace stands for the same text on both sides
_PAIRS = (
    ('simfp_{}', 'neck.simfp_{}'),
    *((f'proposal_generator.rpn_head.conv.conv{n}.{{}}', f'rpn_head.rpn_conv.{n}.conv.{{}}') for n in (0, 1)),
    ('proposal_generator.rpn_head.objectness_logits.{}', 'rpn_head.rpn_cls.{}'),
    ('proposal_generator.rpn_head.anchor_deltas.{}', 'rpn_head.rpn_reg.{}'),
    *(
        pair
        for n in (0, 1, 2, 3)
        for pair in (
            (
                f'roi_heads.box_head.{{}}.conv{n + 1}.norm.{{}}',
                f'roi_head.bbox_head.{{}}.shared_convs.{n}.ln.{{}}',
            ),
            (
                f'roi_heads.box_head.{{}}.conv{n + 1}.{{}}',
                f'roi_head.bbox_head.{{}}.shared_convs.{n}.conv.{{}}',
            ),
        )
    ),
    ('roi_heads.box_head.{}.fc1.{}', 'roi_head.bbox_head.{}.shared_fcs.0.{}'),
    ('roi_heads.box_predictor.{}.cls_score.{}', 'roi_head.bbox_head.{}.fc_cls.{}'),
    ('roi_heads.box_predictor.{}.bbox_pred.{}', 'roi_head.bbox_head.{}.fc_reg.{}'),
)
_LOSS_PAIR = (
    'roi_heads.box_predictor.{}.fed_loss_cls_weights',
    'roi_head.bbox_head.{}.loss_cls.class_weights',
)
_MASK_PAIRS = (
    *(
        pair
        for n in (0, 1, 2, 3)
        for pair in (
            (
                f'roi_heads.mask_head.mask_fcn{n + 1}.norm.{{}}',
                f'roi_head.mask_head.convs.{n}.ln.{{}}',
            ),
            (
                f'roi_heads.mask_head.mask_fcn{n + 1}.{{}}',
                f'roi_head.mask_head.convs.{n}.conv.{{}}',
            ),
        )
    ),
    ('roi_heads.mask_head.deconv.{}', 'roi_head.mask_head.upsample.{}'),
    ('roi_heads.mask_head.predictor.{}', 'roi_head.mask_head.conv_logits.{}'),
)


def _row(old: str, new: str, reason: str = '') -> Row:
    pattern = re.escape(old).replace(r'\{\}', '(.+)')
    template = new
    for group in range(1, old.count('{}') + 1):
        template = template.replace('{}', rf'\{group}', 1)
    return Row(pattern, template, reason)


TABLE = KeyTable(
    rows=(
        *trunk_rows(relative_position=True),
        *(_row(*pair) for pair in _PAIRS),
        _row(*_LOSS_PAIR, reason='the loss of the model samples no classes'),
        *(_row(*pair, reason='the model has no mask head') for pair in _MASK_PAIRS),
        Row(
            r'pixel_(mean|std)|proposal_generator\.anchor_generator\..*',
            reason='a constant that the model computes',
        ),
        *eomt_rows('panoptic_head'),
        FINAL_NORM,
        *OTHER_TASKS,
    ),
    own=r'(rpn_head|roi_head|bbox_head|panoptic_head)\..*',
    to_released=(
        Row(r'backbone\.(blocks\.\d+\.attn\.)rel_pos\.([hw])', r'\1rel_pos_\2'),
        *(_row(new, old) for old, new in (*_PAIRS, _LOSS_PAIR, *_MASK_PAIRS)),
        Row(r'backbone\.(.*)', r'\1'),
    ),
    fresh=(
        EOMT_FRESH,
        Fresh(
            r'backbone\.blocks\.\d+\.attn\.rel_pos\.[hw]',
            'the file is not of a detector; zero means no relative position',
        ),
        Fresh(r'roi_head\.mask_head\..*', 'the file has no mask head for these classes'),
        Fresh(
            r'roi_head\.bbox_head\.\d+\.(fc_cls|loss_cls)\..*',
            'the file has no classifier for these classes',
        ),
        Fresh(r'panoptic_head\.cls_embed\..*', 'the file has no classifier for these classes'),
        Fresh(r'(neck|rpn_head|roi_head|panoptic_head)\..*', 'the file is not of a detector'),
    ),
    per_class=r'roi_head\.(bbox_head\.\d+\.(fc_cls|loss_cls)|mask_head\.conv_logits)\..*|panoptic_head\.cls_embed\..*',
    # a sigmoid classifier of K classes was released with K + 1 rows; only such files have weights of classes
    spare_rows=(r'roi_head\.bbox_head\.\d+\.fc_cls\..*', r'roi_heads\..*\.fed_loss_cls_weights'),
    layouts=(
        Layout(
            'eva-det',
            (r'backbone\.net\.blocks\..*',),
            (Row(r'backbone\.(?:net\.)?(.*)', r'\1'),),
        ),
    ),
)
