"""Other names for parts that several layouts share: timm's, and those of the hubs of DINOv2 and DINOv3."""

from eva_mm.checkpoint.rules import Row

COMMON = (
    Row(
        r'(?:.*\.)?(?:rope(?:_win|_glb)?\.freqs_(?:cos|sin)|rope(?:_embed)?\.periods)',
        reason='a table of rotary positions, which the model computes for any size',
    ),
    Row(r'.*\.bias_mask', reason='says that keys have no bias'),
    Row(r'local_cls_norm\..*', reason='normalises class tokens of small crops in the pre-training of DINOv3'),
    Row(r'(?:reg_token|storage_tokens)', 'register_tokens'),
    Row(r'pos_embed', 'patch_positions', having=r'(?:.*\.)?reg_token'),
    Row(r'(blocks\.\d+\.)ls([12])\.gamma', r'\1gamma_\2'),
    Row(r'(blocks\.\d+\.attn\.)qkv\.bias', r'\1masked_qkv_bias', having=r'storage_tokens'),
    Row(r'(blocks\.\d+\.attn\.)norm\.(.*)', r'\1inner_attn_ln.\2'),
    Row(r'(blocks\.\d+\.attn\.)([qkv])_proj\.bias', r'\1\2_bias'),
    Row(r'(blocks\.\d+\.mlp\.)norm\.(.*)', r'\1ffn_ln.\2'),
    Row(r'(blocks\.\d+\.mlp\.)fc1_g\.(.*)', r'\1w1.\2'),
    Row(r'(blocks\.\d+\.mlp\.)fc1_x\.(.*)', r'\1w2.\2'),
    Row(r'(blocks\.\d+\.mlp\.)fc2\.(.*)', r'\1w3.\2', having=r'(?:.*\.)?blocks\.\d+\.mlp\.fc1_g\..*'),
)
