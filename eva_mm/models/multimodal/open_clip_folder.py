"""Writing an EVA-CLIP as a folder that plain open_clip opens."""

import json
import os
from dataclasses import replace
from pathlib import Path

import torch
from open_clip.constants import HF_CONFIG_NAME, HF_SAFE_WEIGHTS_NAME, OPENAI_DATASET_MEAN, OPENAI_DATASET_STD
from safetensors.torch import save_file
from torch import Tensor

from eva_mm.checkpoint.export import export_state_dict
from eva_mm.models.backbones.arch_zoo import ARCH_ZOO, SIZES
from eva_mm.models.multimodal.eva_clip import EVACLIP

# timm's models of our architectures, and the images that it has them for
TIMM = {
    'giant': ('eva_giant_patch14_{}', (224, 336, 560)),
    'eva02-clip-base': ('eva02_base_patch16_clip_{}', (224,)),
    'eva02-clip-large': ('eva02_large_patch14_clip_{}', (224, 336)),
    'eva02-clip-enormous': ('eva02_enormous_patch14_clip_{}', (224,)),
}
LAYOUTS = ('auto', 'timm', 'native')


def _timm_vision(model: EVACLIP) -> dict | None:
    """open_clip's settings of the vision tower as timm's; ``None`` if timm has no such model."""
    visual = model.visual
    side = visual.img_size[0]
    for arch, (name, sizes) in TIMM.items():
        if visual.arch == ARCH_ZOO[arch] and visual.img_size == (side, side) and side in sizes:
            timm = dict(timm_model_name=name.format(side), timm_model_pretrained=False, timm_pool='token')
            return dict(image_size=side, timm_proj=None, **timm)
    return None


def _native_vision(model: EVACLIP) -> dict:
    """Settings of open_clip's own ``VisionTransformer`` for a tower of any size, if it has the parts of EVA."""
    visual, width = model.visual, model.visual.embed_dims
    sizes = {key: getattr(visual.arch, key) for key in (*SIZES, 'qkv_bias', 'variants')}
    if replace(ARCH_ZOO['base'], **sizes) != visual.arch:
        raise ValueError("open_clip's own vision tower has the parts of EVA alone, and timm has no model of this size.")
    return dict(
        image_size=list(visual.img_size),
        patch_size=visual.patch_embed.patch_size[0],
        width=width,
        layers=visual.num_layers,
        head_width=width // visual.arch.num_heads,
        # open_clip rounds width times ratio down
        mlp_ratio=(visual.arch.feedforward_channels + 0.5) / width,
        no_ln_pre=True,
        norm_kwargs=dict(eps=1e-6),
    )


def fold_head_bias(norm_bias: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """The bias of a norm that does the work of the bias of the linear layer behind it.

    Args:
        norm_bias: (C,).
        weight: (E, C) of the linear layer.
        bias: (E,) of the linear layer.

    Returns:
        b' (C,) with ``weight @ b' = weight @ norm_bias + bias``; in fp64, the one nearest to ``norm_bias``.

    Raises:
        ValueError: There is none: E is larger than C, or the weight has not full rank.
    """
    weight, bias = weight.double(), bias.double()
    shift = torch.linalg.lstsq(weight, bias[:, None], driver='gelsd').solution[:, 0]
    if not torch.allclose(weight @ shift, bias, atol=1e-6, rtol=1e-6):
        raise ValueError(
            f'The bias of the projection from {weight.shape[1]} to {weight.shape[0]} channels cannot be moved into the '
            "norm before it, and open_clip's own vision tower has no such bias: use layout='timm'."
        )
    return norm_bias.double() + shift


def native_vision_weights(weights: dict[str, Tensor], num_layers: int) -> dict[str, Tensor]:
    """Weights of the vision tower for open_clip's own ``VisionTransformer``.

    Its patch convolution and its projection have no bias: the first moves into the position embedding, the second into
    the last norm.

    Args:
        weights: Of ``eva_mm.EVACLIPViT``.
        num_layers: Number of blocks.

    Raises:
        ValueError: The tower has layer scales, or :func:`fold_head_bias` fails.
    """
    if 'blocks.0.gamma_1' in weights:
        raise ValueError("A vision tower with layer scales cannot be written for open_clip's own vision tower.")
    positions = weights['pos_embed'][0].clone()
    positions[1:] += weights['patch_embed.proj.bias']
    head = weights['head.weight']
    out = {
        'class_embedding': weights['cls_token'][0, 0],
        'positional_embedding': positions,
        'conv1.weight': weights['patch_embed.proj.weight'],
        'ln_post.weight': weights['norm.weight'],
        'ln_post.bias': fold_head_bias(weights['norm.bias'], head, weights['head.bias']).to(head.dtype),
        'proj': head.T,
    }
    parts = {
        'norm1': 'ln_1',
        'norm2': 'ln_2',
        'attn.proj': 'attn.out_proj',
        'mlp.fc1': 'mlp.c_fc',
        'mlp.fc2': 'mlp.c_proj',
    }
    for index in range(num_layers):
        old, new = f'blocks.{index}.', f'transformer.resblocks.{index}.'
        out[f'{new}attn.in_proj_weight'] = weights[f'{old}attn.qkv.weight']
        bias = weights.get(f'{old}attn.qkv.bias')
        if bias is None:
            q_bias, v_bias = weights[f'{old}attn.q_bias'], weights[f'{old}attn.v_bias']
            bias = torch.cat((q_bias, torch.zeros_like(q_bias), v_bias))
        out[f'{new}attn.in_proj_bias'] = bias
        for part, name in parts.items():
            for kind in ('weight', 'bias'):
                out[f'{new}{name}.{kind}'] = weights[f'{old}{part}.{kind}']
    return out


def _text_settings(model: EVACLIP) -> dict:
    text = model.text
    return dict(
        context_length=text.context_length,
        vocab_size=text.vocab_size,
        width=text.width,
        heads=text.heads,
        layers=text.transformer.layers,
    )


def save_open_clip_folder(model: EVACLIP, folder: str | os.PathLike, layout: str = 'auto') -> None:
    """Write what ``open_clip.create_model('local-dir:FOLDER')`` opens: ``open_clip_config.json`` and the weights.

    Args:
        model: The model.
        folder: Where to; made if it does not exist.
        layout: ``'timm'``, the weights of open_clip's ``EVA01-g-14`` and ``EVA02-*``, in full size; ``'native'``,
            open_clip's own vision tower, for EVA of any size; ``'auto'`` takes the first that is possible.

    Raises:
        ValueError: Unknown layout, or one that cannot hold the model.
    """
    if layout not in LAYOUTS:
        raise ValueError(f'layout={layout!r} is unknown: choose from {", ".join(LAYOUTS)}.')
    timm = _timm_vision(model)
    if layout == 'timm' and timm is None:
        raise ValueError(
            f"layout='timm' is for {', '.join(TIMM)} at the sizes that timm has, this tower has "
            f"{model.visual.embed_dims} channels on {model.visual.img_size} pixels: use layout='native'."
        )
    native = layout == 'native' or timm is None
    vision = _native_vision(model) if native else timm
    weights = export_state_dict(model.state_dict(), 'open_clip').state_dict
    if native:
        visual = native_vision_weights(model.visual.state_dict(), model.visual.num_layers)
        weights = {name: weight for name, weight in weights.items() if not name.startswith('visual.')}
        weights |= {f'visual.{name}': weight for name, weight in visual.items()}
    config = dict(
        model_cfg=dict(
            embed_dim=model.visual.head.out_features,
            vision_cfg=vision,
            text_cfg=_text_settings(model),
            custom_text=True,
        ),
        preprocess_cfg=dict(mean=list(OPENAI_DATASET_MEAN), std=list(OPENAI_DATASET_STD), interpolation='bicubic'),
    )
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    save_file({name: weight.contiguous() for name, weight in weights.items()}, folder / HF_SAFE_WEIGHTS_NAME)
    (folder / HF_CONFIG_NAME).write_text(json.dumps(config, indent=2))
