"""Any EVA state dict back to the released layout, to timm's and to open_clip's."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from eva_mm.checkpoint.assemble import assemble
from eva_mm.checkpoint.convert import Conversion
from eva_mm.checkpoint.layouts import find_layout
from eva_mm.checkpoint.prefix import without_prefix
from eva_mm.checkpoint.rename import released_names, rename
from eva_mm.checkpoint.report import Report
from eva_mm.checkpoint.rules import Row, any_match
from eva_mm.checkpoint.unwrap import choose_weights

_TRUNK = r'((?:cls_token|pos_embed|patch_embed|blocks|norm)(?:\..*)?)'
_AS_IT_IS = Row(r'(.*)', r'\1')


class Export(NamedTuple):
    """A layout to write.

    Attributes:
        rows: From released names, trunk without prefix.
        impossible: Regular expression of released names that the layout cannot hold; empty if there are none.
        reason: Why it cannot.
    """

    rows: tuple[Row, ...]
    impossible: str = ''
    reason: str = ''


def _timm_rows(prefix: str) -> tuple[Row, ...]:
    """Blocks of EVA and EVA-02 with timm's names."""
    block = r'(blocks\.\d+\.)'
    names = (
        (r'attn\.([qv])_bias', r'attn.\2_proj.bias', r'blocks\.0\.attn\.q_proj\.weight'),
        (r'attn\.inner_attn_ln\.(.*)', r'attn.norm.\2', ''),
        (r'mlp\.ffn_ln\.(.*)', r'mlp.norm.\2', ''),
        (r'mlp\.w1\.(.*)', r'mlp.fc1_g.\2', ''),
        (r'mlp\.w2\.(.*)', r'mlp.fc1_x.\2', ''),
        (r'mlp\.w12\.(.*)', r'mlp.fc1.\2', ''),
        (r'mlp\.w3\.(.*)', r'mlp.fc2.\2', ''),
    )
    return tuple(Row(block + old, rf'{prefix}\1{new}', having=having) for old, new, having in names)


_OTHER_FAMILIES = r'register_tokens|(norm_pre|attn_pool)\..*'

EXPORTS: dict[str, Export] = {
    'released': Export((Row(_TRUNK, r'visual.\1', having=r'text\..*'), _AS_IT_IS)),
    'timm': Export(
        (
            Row(r'mask_token', reason='timm has no masked image modelling'),
            Row(r'(lm_head|decoder_pred)\..*', reason='timm has no masked image modelling'),
            Row(r'decoder_(embed|pos_embed|blocks|norm)(\..*)?', reason='timm has no masked image modelling'),
            Row(r'text\..*', reason='timm has no text towers'),
            Row(r'visual\.head\.(.*)', r'head.\1'),
            *_timm_rows(''),
            _AS_IT_IS,
        ),
        rf'head\.0\..*|{_OTHER_FAMILIES}',
        "timm's EVA has no batch normalisation before its classifier, and other families are not written",
    ),
    'open_clip': Export(
        (
            *_timm_rows('visual.trunk.'),
            Row(_TRUNK, r'visual.trunk.\1'),
            Row(r'visual\.head\.(.*)', r'visual.trunk.head.\1'),
            Row(r'text\.(logit_scale)', r'\1'),
            Row(r'(text\..*)', r'\1'),
        ),
        rf'(mask_token|(lm_head|fc_norm|head)\..*)|{_OTHER_FAMILIES}',
        'open_clip takes the two towers of EVA-CLIP and of EVA-02-CLIP',
    ),
}


def export_state_dict(state_dict: Mapping[str, Any], to: str, source: str = 'auto', which: str = 'auto') -> Conversion:
    """Give the weights of any EVA checkpoint the names that other programs expect. No weight is copied.

    Args:
        state_dict: As for :func:`eva_mm.checkpoint.convert_state_dict`.
        to: ``'released'`` (as published), ``'timm'`` (``eva_giant_patch14_*``, ``eva_large_patch14_*``, ``eva02_*``) or
            ``'open_clip'`` (``EVA01-g-14``, ``EVA02-*``).
        source: Layout of the file.
        which: As for :func:`eva_mm.checkpoint.convert_state_dict`.

    Returns:
        The weights and the report.

    Raises:
        ValueError: Unknown ``to`` or ``source``, no EVA checkpoint, or one that the layout cannot hold.
    """
    if to not in EXPORTS:
        raise ValueError(f'to={to!r} is unknown: choose from {", ".join(EXPORTS)}.')
    chosen, taken = choose_weights(state_dict, which)
    weights, outside = without_prefix(chosen)
    layout, export = find_layout(weights, source), EXPORTS[to]
    weights, released = assemble(weights, released_names(weights, layout))
    if export.impossible and any_match(export.impossible, [name for name, _ in released.values()]):
        raise ValueError(f'This checkpoint cannot be written for {to}: {export.reason}.')
    report = Report(to, layout.name, taken=taken, dropped=outside)
    renamed = rename(weights, released, export.rows, report)
    report.loaded = list(renamed)
    return Conversion(renamed, report)
