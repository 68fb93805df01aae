"""The ways in which published files and our own name the weights of EVA."""

from collections.abc import Collection
from dataclasses import replace

from eva_mm.checkpoint.key_tables import key_tables
from eva_mm.checkpoint.rules import KeyTable, Layout, Row, any_match

# of mmpretrain's BEiTViT and VisionTransformer, with and without `backbone.`
_MMPRETRAIN_ROWS = (
    Row(r'(?:backbone\.)?layers\.(\d+)\.ln([12])\.(.*)', r'blocks.\1.norm\2.\3'),
    Row(r'(?:backbone\.)?layers\.(\d+)\.(attn\..*|gamma_[12])', r'blocks.\1.\2'),
    Row(r'(?:backbone\.)?layers\.(\d+)\.ffn\.layers\.0\.0\.(.*)', r'blocks.\1.mlp.fc1.\2'),
    Row(r'(?:backbone\.)?layers\.(\d+)\.ffn\.layers\.1\.(.*)', r'blocks.\1.mlp.fc2.\2'),
    Row(r'(?:backbone\.)?patch_embed\.projection\.(.*)', r'patch_embed.proj.\1'),
    Row(r'(?:backbone\.)?ln1\.(.*)', r'norm.\1'),
    # its converter files the final norm of a pre-training model under ln2, where a classifier has its fc_norm
    Row(r'(?:backbone\.)?ln2\.(.*)', r'fc_norm.\1', having=r'head\..*'),
    Row(r'(?:backbone\.)?ln2\.(.*)', r'norm.\1'),
    Row(r'head\.(?:fc|layers\.head)\.(.*)', r'head.\1'),
    Row(r'backbone\.(.*)', r'\1'),
)

GENERAL_LAYOUTS = (
    Layout('released', (r'blocks\.\d+\.attn\.qkv\.weight',)),
    Layout(
        'eva-clip',
        (r'visual\.blocks\.\d+\.attn\.qkv\.weight',),
        # EVA_CLIP g-plus and later files have the scale beside the towers
        (Row(r'visual\.((?!head\.).*)', r'\1'), Row(r'logit_scale', 'text.logit_scale')),
    ),
    Layout(
        'open_clip',
        (r'visual\.trunk\.blocks\.\d+\.attn\.qkv\.weight',),
        (
            Row(r'visual\.trunk\.head\.(.*)', r'visual.head.\1'),
            Row(r'visual\.trunk\.(.*)', r'\1'),
            Row(r'logit_scale', 'text.logit_scale'),
        ),
    ),
    Layout('mmpretrain', (r'(backbone\.)?layers\.\d+\.attn\.qkv\.weight',), _MMPRETRAIN_ROWS),
    # our own; its rows follow the task, see `_of_task`
    Layout('eva_mm', (r'backbone\.blocks\.\d+\.attn\.qkv\.weight',)),
)

LAYOUTS: dict[str, Layout] = {
    layout.name: layout
    for layout in (*(layout for table in key_tables() for layout in table.layouts), *GENERAL_LAYOUTS)
}

# names under which a layout is also known
ALIASES = {'timm': 'released'}


def _of_task(layout: Layout, names: Collection[str]) -> Layout:
    """Our own layout with the rows of the task whose model the file is of; another layout as it is."""
    if layout.name != 'eva_mm':
        return layout
    owners = [table for table in key_tables() if table.own and any_match(table.own, names)]
    return replace(layout, rows=(owners[0] if owners else KeyTable(())).to_released)


def find_layout(names: Collection[str], source: str = 'auto') -> Layout:
    """The layout that a file with these names has.

    Args:
        names: Names of the weights.
        source: ``'auto'``, or the name of the layout.

    Raises:
        ValueError: ``source`` is unknown, or the names follow no known layout.
    """
    source = ALIASES.get(source, source)
    if source != 'auto':
        if source not in LAYOUTS:
            raise ValueError(f'source={source!r} is unknown: choose from auto, {", ".join((*LAYOUTS, *ALIASES))}.')
        return _of_task(LAYOUTS[source], names)
    for layout in LAYOUTS.values():
        if all(any_match(mark, names) for mark in layout.marks):
            return _of_task(layout, names)
    shown = ', '.join(sorted(names)[:4]) or 'nothing'
    raise ValueError(
        f'The checkpoint is not of an EVA model: it holds {len(names)} weights ({shown}, ...) and none is the qkv '
        f'projection of a known layout ({", ".join(LAYOUTS)}).'
    )
