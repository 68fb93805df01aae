"""The released detectors of tests/data/reference, rebuilt from our config."""

from pathlib import Path
from typing import Any

import mmdet.models  # noqa: F401
import torch
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample
from mmdet.structures.mask import BitmapMasks, PolygonMasks
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmengine.structures import InstanceData
from torch import Tensor, nn

import eva_mm  # noqa: F401  the repairs of mmcv-lite come before mmdet
from eva_mm.checkpoint import convert_state_dict

REFERENCE = Path(__file__).parent / 'data' / 'reference'
CONFIG = Path(__file__).parents[1] / 'configs/detection/_base_/cascade-mask-rcnn_eva.py'
RESIZE_MODES = {'vitdet': 'linear', 'beit': 'geometric'}


def read_reference(name: str) -> dict[str, Any]:
    """A golden file of the released code."""
    return torch.load(REFERENCE / f'{name}.pt', weights_only=True)


def shrunk_config(config: dict) -> Config:
    """Our config of the released detector with the sizes of a golden file."""
    cfg = Config.fromfile(CONFIG).model
    net, channels, classes = config['net'], config['channels'], config['num_classes']
    cfg.data_preprocessor.pad_size_divisor = config['square_pad']
    cfg.backbone.update(
        arch=dict(
            embed_dims=net['embed_dim'],
            num_layers=net['depth'],
            num_heads=net['num_heads'],
            feedforward_channels=int(net['embed_dim'] * 6144 / 1408),
        ),
        img_size=net['pretrain_img_size'],
        window_size=net['window_size'],
        rel_pos_img_size=net['img_size'],
        global_attn_indexes=[index for index in range(net['depth']) if index not in net['window_block_indexes']],
        rel_pos_resize=RESIZE_MODES[net['interp_type']],
    )
    cfg.neck.update(in_channels=net['embed_dim'], out_channels=channels)
    cfg.rpn_head.update(in_channels=channels, feat_channels=channels)
    cfg.rpn_head.anchor_generator.scales = [2]
    roi = cfg.roi_head
    roi.bbox_roi_extractor.out_channels = roi.mask_roi_extractor.out_channels = channels
    for head in roi.bbox_head:
        head.update(
            in_channels=channels,
            conv_out_channels=channels,
            fc_out_channels=config['fc_dim'],
            num_classes=classes,
        )
        if config['fed_loss_num_classes']:
            head.loss_cls = dict(
                type='eva_mm.FederatedLoss',
                num_classes=classes,
                num_sampled=config['fed_loss_num_classes'],
            )
    roi.mask_head.update(in_channels=channels, conv_out_channels=channels, num_classes=classes)
    train_pre, test_pre = config['pre_nms_topk']
    train_post, test_post = config['post_nms_topk']
    cfg.train_cfg.rpn.sampler.num = config['rpn_batch_size_per_image']
    cfg.train_cfg.rcnn[0].sampler.num = config['roi_batch_size_per_image']
    cfg.train_cfg.rpn_proposal.update(nms_pre=train_pre, max_per_img=train_post)
    cfg.test_cfg.rpn.update(nms_pre=test_pre, max_per_img=test_post)
    cfg.test_cfg.rcnn.score_thr = config['test_score_thresh']
    return cfg


def build(cfg: dict) -> nn.Module:
    """A model of mmdet, or of ours for mmdet."""
    with DefaultScope.overwrite_default_scope('mmdet'):
        return MODELS.build(cfg)


def build_released(reference: dict[str, Any]) -> nn.Module:
    """Our detector with the weights of a golden file, converted by the key table; nothing may be left over."""
    model = build(shrunk_config(reference['config']))
    converted = convert_state_dict(reference['state_dict'], 'detection', target=model.state_dict())
    model.load_state_dict(converted.state_dict)
    return model


def _masks(target: dict[str, Any], height: int, width: int) -> BitmapMasks | PolygonMasks:
    if 'gt_polygons' in target:
        polygons = [[part.numpy() for part in parts] for parts in target['gt_polygons']]
        return PolygonMasks(polygons, height, width)
    return BitmapMasks(target['gt_bitmasks'].numpy().astype('uint8'), height, width)


def preprocess(model: nn.Module, reference: dict[str, Any]) -> tuple[Tensor, list[DetDataSample]]:
    """Padded images and data samples with polygons, as the runner would hand them to the model."""
    samples = []
    for image, size, target in zip(
        reference['inputs']['images'],
        reference['inputs']['output_sizes'],
        reference['inputs']['targets'],
    ):
        height, width = image.shape[1:]
        scale = (width / size[1], height / size[0])
        meta = dict(img_shape=(height, width), ori_shape=tuple(size), scale_factor=scale)
        sample = DetDataSample(metainfo=meta)
        sample.gt_instances = InstanceData(
            bboxes=target['gt_boxes'],
            labels=target['gt_classes'],
            masks=_masks(target, height, width),
        )
        sample.ignored_instances = InstanceData(bboxes=torch.zeros(0, 4), labels=torch.zeros(0).long())
        samples.append(sample)
    # the reference images are RGB, the pipeline's are BGR
    images = [image.flip(0) for image in reference['inputs']['images']]
    batch = model.data_preprocessor(dict(inputs=images, data_samples=samples), model.training)
    return batch['inputs'], batch['data_samples']


def fixed_proposals(reference: dict[str, Any]) -> list[InstanceData]:
    """The boxes that the golden file gives the RoI heads instead of the RPN's."""
    return [
        InstanceData(bboxes=each['proposal_boxes'].clone(), scores=each['objectness_logits'])
        for each in reference['inputs']['fixed_proposals']
    ]
