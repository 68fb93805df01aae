"""The forward pass of a training step for the models of every host, without anything that depends on data.

Matching, sampling and the losses themselves cannot be run on tensors without data. Heads get what they get in training:
whole feature maps, or as many regions as their sampler draws.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from mmengine.config import Config
from mmengine.structures import BaseDataElement
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from eva_mm.apis.errors import UserError

# attributes of a host's model are whatever its host gave it
Model = Any


def _images(model: Model, batch_size: int, sides: Sequence[int]) -> Tensor:
    patch = next((m for m in model.modules() if hasattr(m, 'patch_size') and hasattr(m, 'proj')), None)
    channels = patch.proj.in_channels if patch is not None else 3
    return torch.empty(batch_size, channels, *sides, dtype=next(model.parameters()).dtype)


def _samples(batch_size: int, sides: Sequence[int]) -> list[BaseDataElement]:
    """What heads read of the samples: sizes."""
    shape = tuple(sides[-2:])
    meta = dict(img_shape=shape, batch_input_shape=shape, pad_shape=shape, ori_shape=shape, scale_factor=(1.0, 1.0))
    return [BaseDataElement(metainfo=meta) for _ in range(batch_size)]


def _hidden_patches(cfg: Config, backbone: Model, patches: int) -> int:
    """Hidden patches of one image as the data pipeline or the backbone draws them."""
    ratio = getattr(backbone, 'mask_ratio', None)
    if ratio is not None:
        return patches - int(patches * (1 - ratio))
    for step in cfg.train_dataloader.dataset.get('pipeline', ()):
        if 'num_masked' in step:
            return step.num_masked
    return 0


def _masked_image_modelling(cfg: Config, sides: Sequence[int]) -> Callable[[Model, int], list[Tensor]]:
    def step(model: Model, batch_size: int) -> list[Tensor]:
        images = _images(model, batch_size, sides)
        patches = 1
        for side, patch in zip(sides, model.backbone.patch_embed.patch_size):
            patches *= side // patch
        mask = None
        if not hasattr(model.backbone, 'mask_ratio'):
            mask = torch.empty(batch_size, patches, dtype=torch.bool)
        tokens, _ = model.backbone(images, mask)
        # how many patches a mask hides is data: they are taken by an index of the right length
        hidden = _hidden_patches(cfg, model.backbone, patches) * batch_size
        index = torch.empty(hidden, dtype=torch.long)
        prediction = model.head.lm_head(tokens[:, 1:].flatten(0, 1)[index])
        target = torch.empty(hidden, prediction.shape[1])
        return [nn.functional.cosine_similarity(prediction.float(), target, dim=-1).mean()]

    return step


def _pooled_regions(extractor: Model, feature: Tensor, count: int) -> Tensor:
    size = extractor.roi_layers[0].output_size
    sides = (size, size) if isinstance(size, int) else tuple(size)
    return feature.new_empty(count, extractor.out_channels, *sides, requires_grad=True)


def _region_heads(model: Model, maps: Sequence[Tensor], batch_size: int) -> list[Any]:
    """Outputs of the box and mask heads of a two-stage or cascade detector."""
    roi_head = model.roi_head
    several = isinstance(roi_head.bbox_head, nn.ModuleList)
    heads = list(roi_head.bbox_head) if several else [roi_head.bbox_head]
    extractors = list(roi_head.bbox_roi_extractor) if several else [roi_head.bbox_roi_extractor]
    settings = roi_head.train_cfg if isinstance(roi_head.train_cfg, (list, tuple)) else [roi_head.train_cfg]
    # later stages of a cascade take all regions of the first
    sampler = settings[0].sampler
    regions = sampler.num * batch_size
    outputs = [head(_pooled_regions(extractor, maps[0], regions)) for head, extractor in zip(heads, extractors)]
    if getattr(roi_head, 'with_mask', False):
        masks, extractor = roi_head.mask_head, roi_head.mask_roi_extractor or extractors[-1]
        several = isinstance(masks, nn.ModuleList)
        for index, head in enumerate(masks if several else [masks]):
            count = int(regions * sampler.pos_fraction)
            outputs.append(head(_pooled_regions(extractor[index] if several else extractor, maps[0], count)))
    return outputs


def _detection(cfg: Config, sides: Sequence[int]) -> Callable[[Model, int], list[Tensor]]:
    def step(model: Model, batch_size: int) -> list[Tensor]:
        images = _images(model, batch_size, sides)
        maps = model.extract_feat(images)
        outputs = []
        if getattr(model, 'rpn_head', None) is not None:
            outputs.append(model.rpn_head(maps))
        if getattr(model, 'roi_head', None) is not None:
            outputs.append(_region_heads(model, maps, batch_size))
        if getattr(model, 'panoptic_head', None) is not None:
            outputs.append(model.panoptic_head(maps, _samples(batch_size, sides)))
        if not outputs and hasattr(model, 'forward_transformer'):
            # queries for denoising follow the number of objects, and are left out
            was_training, model.training = model.training, False
            decoded = model.forward_transformer(maps, _samples(batch_size, sides))
            model.training = was_training
            outputs.append(model.bbox_head(decoded['hidden_states'], decoded['references']))
        elif not outputs and getattr(model, 'bbox_head', None) is not None:
            outputs.append(model.bbox_head(maps))
        return tree_leaves(outputs)

    return step


def _segmentation(cfg: Config, sides: Sequence[int]) -> Callable[[Model, int], list[Tensor]]:
    def head_of(head: Model, maps: Sequence[Tensor], batch_size: int) -> Any:
        if hasattr(head, 'query_embed'):
            return head(maps, _samples(batch_size, sides))
        return head(maps)

    def step(model: Model, batch_size: int) -> list[Tensor]:
        maps = model.extract_feat(_images(model, batch_size, sides))
        heads = [model.decode_head]
        auxiliary = getattr(model, 'auxiliary_head', None)
        heads += list(auxiliary) if isinstance(auxiliary, nn.ModuleList) else [auxiliary] if auxiliary else []
        return tree_leaves([head_of(head, maps, batch_size) for head in heads])

    return step


def _video(cfg: Config, sides: Sequence[int]) -> Callable[[Model, int], list[Tensor]]:
    def step(model: Model, batch_size: int) -> list[Tensor]:
        features, _ = model.extract_feat(_images(model, batch_size, sides)[:, None])
        return tree_leaves(model.cls_head(features))

    return step


def _contrastive(cfg: Config, sides: Sequence[int]) -> Callable[[Model, int], list[Tensor]]:
    def step(model: Model, batch_size: int) -> list[Tensor]:
        tokens = torch.zeros(batch_size, model.text.context_length, dtype=torch.long)
        return list(model(_images(model, batch_size, sides), tokens))

    return step


def _classification(cfg: Config, sides: Sequence[int]) -> Callable[[Model, int], list[Tensor]]:
    def step(model: Model, batch_size: int) -> list[Tensor]:
        features = model.extract_feat(_images(model, batch_size, sides))
        return tree_leaves(model.head(features) if getattr(model, 'head', None) is not None else features)

    return step


def training_step(cfg: Config, model: Model, sides: Sequence[int]) -> Callable[[Model, int], Sequence[Tensor]]:
    """The forward pass of the model of a config as training runs it, up to the outputs of its heads.

    Args:
        cfg: The whole config.
        model: Built from it.
        sides: Pixels, or frames and pixels, of an input.

    Returns:
        A function of model and batch size that returns the outputs; to be called inside
        :func:`eva_mm.apis.planning.fake.fake_tensors`.

    Raises:
        UserError: The model has no ``extract_feat``, which all hosts' models have.
    """
    kinds = (
        (hasattr(model, 'target_generator') and hasattr(model, 'backbone'), _masked_image_modelling),
        (hasattr(model, 'visual') and hasattr(model, 'text'), _contrastive),
        (hasattr(model, 'decode_head'), _segmentation),
        (hasattr(model, 'cls_head'), _video),
        (cfg.get('default_scope') == 'mmdet', _detection),
        (hasattr(model, 'extract_feat'), _classification),
    )
    for matches, kind in kinds:
        if matches:
            return kind(cfg, sides)
    raise UserError(
        f'The training step of {type(model).__name__} is not known to the planner: plan a classifier, detector, '
        'segmentor, video model, EVA-CLIP or masked image modelling, or measure a few steps instead.'
    )
