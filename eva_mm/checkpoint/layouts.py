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

# of transformers' DINOv2 and DINOv3, models and backbones, of any version
_DINO_LAYER = r'(?:.*\.)?layer\.(\d+)\.'
_TRANSFORMERS_DINO_ROWS = (
    Row(r'(?:.*\.)?embeddings\.(cls_token|mask_token|register_tokens)', r'\1'),
    Row(r'(?:.*\.)?embeddings\.position_embeddings', 'pos_embed'),
    Row(r'(?:.*\.)?embeddings\.patch_embeddings\.(?:projection\.)?(weight|bias)', r'patch_embed.proj.\1'),
    Row(_DINO_LAYER + r'(norm[12]\..*)', r'blocks.\1.\2'),
    Row(_DINO_LAYER + r'layer_scale([12])\.lambda1', r'blocks.\1.gamma_\2'),
    Row(_DINO_LAYER + r'attention\.(?:attention\.)?([qkv])(?:uery|ey|alue|_proj)\.weight', r'blocks.\1.attn.\2.weight'),
    # DINOv2 has a bias for keys, DINOv3 has none
    Row(
        _DINO_LAYER + r'attention\.(?:attention\.)?([qkv])(?:uery|ey|alue|_proj)\.bias',
        r'blocks.\1.attn.\2.bias',
        having=r'.*\.position_embeddings',
    ),
    Row(_DINO_LAYER + r'attention\.([qkv])_proj\.bias', r'blocks.\1.attn.\2_bias'),
    Row(_DINO_LAYER + r'attention\.(?:output\.dense|o_proj)\.(.*)', r'blocks.\1.attn.proj.\2'),
    Row(_DINO_LAYER + r'mlp\.weights_in\.(.*)', r'blocks.\1.mlp.w12.\2'),
    Row(_DINO_LAYER + r'mlp\.weights_out\.(.*)', r'blocks.\1.mlp.w3.\2'),
    # the packed SwiGLU of DINOv2, then the other of DINOv3
    Row(_DINO_LAYER + r'mlp\.gate_proj\.(.*)', r'blocks.\1.mlp.gate.\2', having=r'.*\.position_embeddings'),
    Row(_DINO_LAYER + r'mlp\.up_proj\.(.*)', r'blocks.\1.mlp.value.\2', having=r'.*\.position_embeddings'),
    Row(_DINO_LAYER + r'mlp\.gate_proj\.(.*)', r'blocks.\1.mlp.w1.\2'),
    Row(_DINO_LAYER + r'mlp\.up_proj\.(.*)', r'blocks.\1.mlp.w2.\2', having=r'.*\.mlp\.gate_proj\..*'),
    Row(_DINO_LAYER + r'mlp\.down_proj\.(.*)', r'blocks.\1.mlp.w3.\2', having=r'.*\.mlp\.gate_proj\..*'),
    Row(_DINO_LAYER + r'mlp\.(?:fc1|up_proj)\.(.*)', r'blocks.\1.mlp.fc1.\2'),
    Row(_DINO_LAYER + r'mlp\.(?:fc2|down_proj)\.(.*)', r'blocks.\1.mlp.fc2.\2'),
    Row(r'(?:.*\.)?(?:layernorm|norm)\.(weight|bias)', r'norm.\1'),
    Row(r'classifier\..*', reason='classifier of transformers'),
)

# of transformers' EoMT over DINOv2 with registers and over DINOv3, whose layers are in a list `layers`
_EOMT_LAYER = r'layers\.(\d+)\.'
_TRANSFORMERS_EOMT_ROWS = (
    Row(r'criterion\.empty_weight', reason='weights of classes, which the loss is given'),
    Row(r'embeddings\.position_embeddings\.weight', 'patch_positions'),
    # that over DINOv2 has a bias for keys
    Row(_EOMT_LAYER + r'attention\.([qkv])_proj\.bias', r'blocks.\1.attn.\2.bias', having=r'.*\.k_proj\.bias'),
    Row(_EOMT_LAYER + r'attention\.out_proj\.(.*)', r'blocks.\1.attn.proj.\2'),
    *(replace(row, pattern=row.pattern.replace(_DINO_LAYER, _EOMT_LAYER)) for row in _TRANSFORMERS_DINO_ROWS),
)
# of EoMT itself, over timm's models
_EOMT_ROWS = (
    Row(r'(?:network\.)?encoder\.pixel_(?:mean|std)', reason='a constant of the preprocessor'),
    Row(r'(?:network\.)?encoder\.backbone\.(.*)', r'\1'),
    Row(r'(?:network\.)?q\.(.*)', r'query.\1'),
    Row(r'(?:network\.)?class_head\.(.*)', r'class_predictor.\1'),
    *(Row(rf'(?:network\.)?mask_head\.{2 * n - 2}\.(.*)', rf'mask_head.fc{n}.\1') for n in (1, 2, 3)),
    Row(r'(?:network\.)?upscale\.(\d+)\.norm\.(.*)', r'upscale_block.block.\1.layernorm2d.\2'),
    Row(r'(?:network\.)?upscale\.(\d+)\.(.*)', r'upscale_block.block.\1.\2'),
    Row(r'(?:network\.)?(attn_mask_probs)', r'\1'),
    Row(r'criterion\.empty_weight', reason='weights of classes, which the loss is given'),
)

# whether it has the exact GELU of EVA-CLIP, a file does not say
_OTHER_TEXT = 'a text tower of another family: give eva_mm.CLIPTextTower an init_cfg of its own'

# of transformers' CLIP and SigLIP
_TRANSFORMERS_CLIP_ROWS = (
    Row(r'(?:text_model\.|text_projection\.|logit_scale|logit_bias).*', reason=_OTHER_TEXT),
    Row(r'(?:vision_model\.)?embeddings\.class_embedding', 'cls_token'),
    Row(r'(?:vision_model\.)?embeddings\.position_embedding\.weight', 'pos_embed'),
    Row(r'(?:vision_model\.)?embeddings\.patch_embedding\.(.*)', r'patch_embed.proj.\1'),
    Row(r'(?:vision_model\.)?embeddings\.position_ids', reason='numbers that the model does not need'),
    Row(r'(?:vision_model\.)?pre_layrnorm\.(.*)', r'norm_pre.\1'),
    Row(r'(?:vision_model\.)?post_layernorm\.(.*)', r'norm.\1'),
    Row(r'(?:vision_model\.)?encoder\.layers\.(\d+)\.layer_norm([12])\.(.*)', r'blocks.\1.norm\2.\3'),
    Row(r'(?:vision_model\.)?encoder\.layers\.(\d+)\.self_attn\.([qkv])_proj\.(.*)', r'blocks.\1.attn.\2.\3'),
    Row(r'(?:vision_model\.)?encoder\.layers\.(\d+)\.self_attn\.out_proj\.(.*)', r'blocks.\1.attn.proj.\2'),
    Row(r'(?:vision_model\.)?encoder\.layers\.(\d+)\.(mlp\..*)', r'blocks.\1.\2'),
    Row(r'(?:vision_model\.)?head\.probe', 'attn_pool.latent'),
    Row(r'(?:vision_model\.)?head\.attention\.in_proj_(.*)', r'attn_pool.in_proj.\1'),
    Row(r'(?:vision_model\.)?head\.attention\.out_proj\.(.*)', r'attn_pool.proj.\1'),
    Row(r'(?:vision_model\.)?head\.layernorm\.(.*)', r'attn_pool.norm.\1'),
    Row(r'(?:vision_model\.)?head\.(mlp\..*)', r'attn_pool.\1'),
    Row(r'visual_projection\.weight', 'visual.head.weight'),
)

# of OpenAI's CLIP, open_clip's own towers and Perception Encoder; a text tower has no prefix
_OPENAI_ROWS = (
    Row(
        r'(?:positional_embedding|text_projection|token_embedding|ln_final|transformer)(?:\..*)?|logit_(?:scale|bias)',
        reason=_OTHER_TEXT,
        having=r'visual\.conv1\.weight',
    ),
    Row(r'input_resolution|context_length|vocab_size|attn_mask', reason='no weight'),
    Row(r'(?:visual\.)?class_embedding', 'cls_token'),
    Row(r'(?:visual\.)?positional_embedding', 'pos_embed'),
    Row(r'(?:visual\.)?conv1\.(.*)', r'patch_embed.proj.\1'),
    Row(r'(?:visual\.)?ln_pre\.(.*)', r'norm_pre.\1'),
    Row(r'(?:visual\.)?ln_post\.(.*)', r'norm.\1'),
    Row(r'(?:visual\.)?transformer\.resblocks\.(\d+)\.ln_([12])\.(.*)', r'blocks.\1.norm\2.\3'),
    Row(r'(?:visual\.)?transformer\.resblocks\.(\d+)\.ls_([12])\.gamma', r'blocks.\1.gamma_\2'),
    Row(r'(?:visual\.)?transformer\.resblocks\.(\d+)\.attn\.in_proj_(.*)', r'blocks.\1.attn.qkv.\2'),
    Row(r'(?:visual\.)?transformer\.resblocks\.(\d+)\.attn\.out_proj\.(.*)', r'blocks.\1.attn.proj.\2'),
    Row(r'(?:visual\.)?transformer\.resblocks\.(\d+)\.mlp\.c_fc\.(.*)', r'blocks.\1.mlp.fc1.\2'),
    Row(r'(?:visual\.)?transformer\.resblocks\.(\d+)\.mlp\.c_proj\.(.*)', r'blocks.\1.mlp.fc2.\2'),
    Row(r'(?:visual\.)?attn_pool\.probe', 'attn_pool.latent'),
    Row(r'(?:visual\.)?attn_pool\.attn\.in_proj_(.*)', r'attn_pool.in_proj.\1'),
    Row(r'(?:visual\.)?attn_pool\.attn\.out_proj\.(.*)', r'attn_pool.proj.\1'),
    Row(r'(?:visual\.)?attn_pool\.layernorm\.(.*)', r'attn_pool.norm.\1'),
    Row(r'(?:visual\.)?attn_pool\.mlp\.c_fc\.(.*)', r'attn_pool.mlp.fc1.\1'),
    Row(r'(?:visual\.)?attn_pool\.mlp\.c_proj\.(.*)', r'attn_pool.mlp.fc2.\1'),
    Row(r'(?:visual\.)?proj', 'visual.head.transposed'),
)

_QKV = r'blocks\.\d+\.attn\.(?:qkv|q_proj)\.weight'

GENERAL_LAYOUTS = (
    Layout('released', (_QKV,)),
    Layout(
        'eva-clip',
        (rf'visual\.{_QKV}',),
        # EVA_CLIP g-plus and later files have the scale beside the towers
        (Row(r'visual\.((?!head\.).*)', r'\1'), Row(r'logit_scale', 'text.logit_scale')),
    ),
    Layout(
        'open_clip',
        (rf'visual\.trunk\.{_QKV}',),
        (
            Row(r'visual\.trunk\.head\.(.*)', r'visual.head.\1'),
            Row(r'visual\.trunk\.(.*)', r'\1'),
            Row(r'logit_scale', 'text.logit_scale'),
        ),
    ),
    Layout('openai', (r'(visual\.)?conv1\.weight', r'(visual\.)?transformer\.resblocks\.0\..*'), _OPENAI_ROWS),
    Layout(
        'transformers-eomt',
        (r'class_predictor\.weight', _EOMT_LAYER + r'layer_scale1\.lambda1'),
        _TRANSFORMERS_EOMT_ROWS,
    ),
    Layout('eomt', (r'(?:network\.)?q\.weight', r'(?:network\.)?encoder\.backbone\.blocks\..*'), _EOMT_ROWS),
    Layout('transformers', (_DINO_LAYER + r'layer_scale1\.lambda1',), _TRANSFORMERS_DINO_ROWS),
    Layout(
        'transformers-clip',
        (r'(vision_model\.)?encoder\.layers\.\d+\.self_attn\.q_proj\.weight', r'.*embeddings\.patch_embedding\.weight'),
        _TRANSFORMERS_CLIP_ROWS,
    ),
    Layout('mmpretrain', (r'(backbone\.)?layers\.\d+\.attn\.qkv\.weight',), _MMPRETRAIN_ROWS),
    # our own; its rows follow the task, see `_of_task`
    Layout('eva_mm', (rf'backbone\.{_QKV}',)),
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


def _recognised(names: Collection[str]) -> Layout | None:
    return next((each for each in LAYOUTS.values() if all(any_match(mark, names) for mark in each.marks)), None)


def knows_layout(names: Collection[str]) -> bool:
    """Whether names are those of an EVA model in some layout."""
    return _recognised(names) is not None


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
    if (layout := _recognised(names)) is not None:
        return _of_task(layout, names)
    shown = ', '.join(sorted(names)[:4]) or 'nothing'
    raise ValueError(
        f'The checkpoint is not of an EVA model: it holds {len(names)} weights ({shown}, ...) and none is the qkv '
        f'projection of a known layout ({", ".join(LAYOUTS)}).'
    )
