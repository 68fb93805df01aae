"""The training step of every kind of model, without data: heads, adapter and pyramid count."""

from pathlib import Path

import pytest
from mmengine.config import Config

from eva_mm.apis.errors import UserError
from eva_mm.apis.planning import plan
from eva_mm.apis.planning.plan import MeasuredConfig

ROOT = Path(__file__).parents[3]
# parts that must get a gradient for the measurement to have run through them
CONFIGS = {
    'configs/nano/classification.py': ('backbone', 'head.fc'),
    'configs/nano/pretrain.py': ('backbone', 'head.lm_head'),
    'configs/nano/detection.py': (
        'backbone', 'neck', 'rpn_head', 'roi_head.bbox_head.0', 'roi_head.bbox_head.2', 'roi_head.mask_head'
    ),
    'configs/nano/segmentation.py': (
        'backbone.blocks', 'backbone.interactions', 'decode_head.pixel_decoder', 'decode_head.transformer_decoder'
    ),
    'configs/nano/video.py': ('backbone', 'cls_head'),
    'configs/nano/clip.py': ('visual', 'text'),
    'projects/mixing/detection/retinanet_eva-b.py': ('backbone', 'neck', 'bbox_head'),
    'projects/mixing/detection/dino_eva-b.py': ('backbone', 'encoder', 'decoder', 'bbox_head'),
    'projects/mixing/detection/mask2former_eva-b.py': ('backbone', 'panoptic_head'),
    'projects/mixing/segmentation/upernet_eva-b.py': ('backbone', 'decode_head', 'auxiliary_head'),
}  # fmt: skip


@pytest.mark.parametrize(('config', 'parts'), CONFIGS.items(), ids=lambda value: Path(str(value)).stem)
def test_every_part_is_run(config, parts, monkeypatch):
    reached = set()
    cfg = Config.fromfile(ROOT / config)
    if 'target_generator' in cfg.model:
        cfg.model.target_generator.update(model='ViT-B-32-quickgelu', pretrained='openai')
    measured = MeasuredConfig(cfg, (320, 320) if 'mixing' in config else None)

    def spy(model, step, batch_size, precision):
        def watched(model, batch_size):
            for name, parameter in model.named_parameters():
                if parameter.requires_grad:
                    parameter.register_hook(lambda grad, name=name: reached.add(name))
            return step(model, batch_size)

        return real(model, watched, batch_size, precision)

    real = plan.measure_step
    monkeypatch.setattr(plan, 'measure_step', spy)
    memory = measured.step(2, 'fp32', False)
    for part in parts:
        assert any(name.startswith(f'{part}.') for name in reached), part
    assert memory.flops > memory.forward_flops > 0 and memory.forward > 0


def test_a_model_without_a_backbone_of_ours_is_refused():
    model = dict(type='ImageClassifier', backbone=dict(type='LeNet5', num_classes=2))
    cfg = Config(dict(default_scope='mmpretrain', model=model))
    with pytest.raises(UserError, match='ImageClassifier has no backbone of eva_mm'):
        MeasuredConfig(cfg)
