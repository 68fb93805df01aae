"""Synthetic files with the key set and shapes of every released family, 48 wide."""

import pytest
import torch

DIMS, DEPTH, HIDDEN, TEXT = 48, 2, 96, 16


def _linear(name: str, rows: int, columns: int) -> dict:
    return {f'{name}.weight': torch.randn(rows, columns), f'{name}.bias': torch.randn(rows)}


def _norm(name: str, dims: int) -> dict:
    return {f'{name}.weight': torch.randn(dims), f'{name}.bias': torch.randn(dims)}


def _blocks(prefix: str, depth: int, dims: int, hidden: int, full_bias: bool) -> dict:
    weights = {}
    for name in (f'{prefix}.{index}' for index in range(depth)):
        weights |= _norm(f'{name}.norm1', dims) | _norm(f'{name}.norm2', dims)
        weights[f'{name}.attn.qkv.weight'] = torch.randn(3 * dims, dims)
        if full_bias:
            weights[f'{name}.attn.qkv.bias'] = torch.randn(3 * dims)
        else:
            weights |= {f'{name}.attn.{part}': torch.randn(dims) for part in ('q_bias', 'v_bias')}
        weights |= _linear(f'{name}.attn.proj', dims, dims)
        weights |= _linear(f'{name}.mlp.fc1', hidden, dims) | _linear(f'{name}.mlp.fc2', dims, hidden)
    return weights


def _trunk(full_bias: bool = False, tokens: int = 16, patch: int = 14) -> dict:
    return {
        'cls_token': torch.randn(1, 1, DIMS),
        'pos_embed': torch.randn(1, 1 + tokens, DIMS),
        'patch_embed.proj.weight': torch.randn(DIMS, 3, patch, patch),
        'patch_embed.proj.bias': torch.randn(DIMS),
        **_blocks('blocks', DEPTH, DIMS, HIDDEN, full_bias),
    }


def _mim() -> dict:
    return _trunk() | {'mask_token': torch.randn(1, 1, DIMS)} | _norm('norm', DIMS) | _linear('lm_head', 24, DIMS)


def _classifier(classes: int = 11, **kwargs) -> dict:
    return _trunk(**kwargs) | _norm('fc_norm', DIMS) | _linear('head', classes, DIMS)


def _mae() -> dict:
    decoder = {
        'mask_token': torch.randn(1, 1, 32),
        'decoder_pos_embed': torch.randn(1, 17, 32),
        **_linear('decoder_embed', 32, DIMS),
        **_blocks('decoder_blocks', 1, 32, 128, True),
        **_norm('decoder_norm', 32),
        **_linear('decoder_pred', 24, 32),
    }
    return _trunk(full_bias=True) | _norm('norm', DIMS) | decoder


def _linear_probe() -> dict:
    bn = {'running_mean': torch.randn(DIMS), 'running_var': torch.rand(DIMS), 'num_batches_tracked': torch.tensor(3)}
    return (
        _trunk()
        | _norm('norm', DIMS)
        | {f'head.0.{name}': value for name, value in bn.items()}
        | _linear('head.1', 11, DIMS)
    )


def _clip_vision() -> dict:
    return _trunk() | _norm('norm', DIMS)


def _clip() -> dict:
    vision = _clip_vision() | _linear('head', 24, DIMS)
    block = 'text.transformer.resblocks.0'
    text = {
        'text.token_embedding.weight': torch.randn(50, TEXT),
        'text.positional_embedding': torch.randn(7, TEXT),
        'text.text_projection': torch.randn(TEXT, 24),
        'text.logit_scale': torch.tensor(2.6),
        f'{block}.attn.in_proj_weight': torch.randn(3 * TEXT, TEXT),
        f'{block}.attn.in_proj_bias': torch.randn(3 * TEXT),
        **_linear(f'{block}.attn.out_proj', TEXT, TEXT),
        **_norm(f'{block}.ln_1', TEXT),
        **_norm(f'{block}.ln_2', TEXT),
        **_linear(f'{block}.mlp.c_fc', 4 * TEXT, TEXT),
        **_linear(f'{block}.mlp.c_proj', TEXT, 4 * TEXT),
        **_norm('text.ln_final', TEXT),
    }
    return {f'visual.{name}': value for name, value in vision.items()} | text


FAMILIES = {
    'mim': _mim,
    'mim-p16': lambda: {**_mim(), **_trunk(patch=16)},
    'classifier': _classifier,
    'linear-probe': _linear_probe,
    'clip-vision': _clip_vision,
    'clip': _clip,
    'mae': _mae,
    'classifier-l': lambda: _classifier(full_bias=True),
}


@pytest.fixture
def family():
    """Make the state dict of a family by its name in :data:`FAMILIES`."""
    return lambda name: FAMILIES[name]()


@pytest.fixture
def small_arch():
    return dict(embed_dims=DIMS, num_layers=DEPTH, num_heads=4, feedforward_channels=HIDDEN)
