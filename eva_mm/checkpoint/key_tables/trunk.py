"""Rows that all tasks share: the trunk, and what belongs to other tasks.

Released names have no prefix: ``blocks.0.attn.q_bias``.
"""

from eva_mm.checkpoint.rules import Fresh, Row


def trunk_rows(prefix: str = 'backbone.', relative_position: bool = False) -> tuple[Row, ...]:
    """Rows for embeddings, blocks and the attention pool.

    Args:
        prefix: What stands before the backbone's names in the task's model.
        relative_position: Whether the task's models have relative positions, when there is no model to ask.
    """
    optional = dict(reason='the model has no relative positions', assume=relative_position)
    return (
        Row(r'.*\.relative_position_index', reason='an index that the model computes'),
        Row(r'(blocks\.\d+\.attn\.)rel_pos_([hw])', rf'{prefix}\1rel_pos.\2', **optional),
        Row(
            r'(blocks\.\d+\.attn\.)(relative_position_bias_table)',
            rf'{prefix}\1rel_pos.\2',
            **optional,
        ),
        # our own models
        Row(r'(blocks\.\d+\.attn\.rel_pos\..*)', rf'{prefix}\1', **optional),
        Row(r'(pos_embed|patch_embed\.proj\.(?:weight|bias))', rf'{prefix}\1'),
        Row(r'(cls_token)', rf'{prefix}\1', reason='the model has no class token'),
        Row(r'(register_tokens)', rf'{prefix}\1', reason='the model has no registers'),
        Row(r'(norm_pre\..*)', rf'{prefix}\1'),
        Row(r'(attn_pool\..*)', rf'{prefix}\1', reason='the model does not pool by attention'),
        Row(r'blocks\.\d+\.attn\.k_bias', reason='keys have no bias', zero=True),
        Row(r'(blocks\.\d+\.attn\.[qv]_bias)', rf'{prefix}\1', reason='queries and values have no bias', zero=True),
        Row(r'(blocks\.\d+\.(?:(?:norm[12]|attn|mlp)\..*|gamma_[12]))', rf'{prefix}\1'),
    )


_EOMT = r'((?:query|mask_head|upscale_block)\..*|attn_mask_probs)'
EOMT_FRESH = Fresh(
    rf'backbone\.{_EOMT}', 'the file is not of an EoMT: queries and mask module are randomly initialised'
)


def eomt_rows(head: str) -> tuple[Row, ...]:
    """Rows for the queries of an EoMT, whose classifier lies in the part ``head`` of the model."""
    reason = 'the model is no EoMT'
    return (
        Row(_EOMT, r'backbone.\1', reason=reason, assume=False),
        Row(r'class_predictor\.(.*)', rf'{head}.cls_embed.\1', reason=reason, assume=False),
    )


# of maps and means of families that normalise them
FINAL_NORM = Row(r'(norm\..*)', r'backbone.\1', reason='this model does not normalise its last tokens', assume=False)

# what a task's own rows have not taken
OTHER_TASKS: tuple[Row, ...] = (
    Row(r'mask_token', reason='only masked image modelling has hidden patches'),
    Row(r'(lm_head|decoder_pred)\..*', reason='predicts CLIP features in pre-training'),
    Row(r'decoder_(embed|pos_embed|blocks|norm)(\..*)?', reason="decoder of EVA-L's pre-training"),
    Row(r'(norm|fc_norm)\..*', reason='this model does not normalise its last tokens'),
    Row(r'head\..*', reason='classifier of another task'),
    Row(r'visual\.head\..*', reason='projection to the space of CLIP'),
    Row(r'text\..*', reason='text tower of EVA-CLIP'),
    Row(
        r'(roi_heads|roi_head|proposal_generator|rpn_head|neck)\..*|(backbone\.)?simfp_.*',
        reason='belongs to a detector',
    ),
    Row(r'(decode_head|auxiliary_head|fpn[12])\..*', reason='belongs to a segmentor'),
    Row(r'(spm|interactions|up|norm[1-4])\..*|level_embed', reason='belongs to the ViT-Adapter'),
    Row(r'cls_head\..*', reason='classifier of a video model'),
    Row(rf'{_EOMT}|class_predictor\..*', reason='belongs to an EoMT'),
)
