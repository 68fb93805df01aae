"""Step 4: EVA-g's detector: memory and time of inference, and of a training step beside the planner's account.

Trunk with pyramid in fp16, as ``measure_detector_memory.py`` accounts for it on the meta device; then the whole
detector of ``configs/detection`` under autocast to fp16, as ``--amp`` and the test loop's ``fp16`` run it. Weights are
random: the detector finds nothing above its threshold, so that inference ends without the mask head.
"""

import argparse
import gc
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from gpu_steps.recorder import Recorder

CONFIGS = {
    'full': 'configs/detection/cascade-mask-rcnn_eva-g-p16_lsj-1280_coco.py',
    'nano': 'configs/nano/detection.py',
}
SIDES = {'full': (1024, 1280), 'nano': (160,)}
ARCHS = {'full': 'giant', 'nano': 'nano'}


def _release(device: str) -> None:
    gc.collect()
    if device == 'cuda':
        torch.cuda.empty_cache()


def _measured(step: Callable[[], object], device: str, account: float | None = None) -> dict[str, Any]:
    """Seconds of the second run, bytes that all tensors take at the peak of the third, and an account of them."""
    from benchmarking.memory import peak_of
    from benchmarking.timing import timer

    step()
    seconds = timer(device)(step)
    held = torch.cuda.memory_allocated() if device == 'cuda' else 0
    peak = held + peak_of(step, device)
    found: dict[str, Any] = {'seconds': seconds, 'peak_bytes': peak}
    if account and device == 'cuda':
        found |= {'account_bytes': int(account), 'measured_by_account': peak / account}
    return found


def measure_trunk(args: argparse.Namespace, recorder: Recorder, side: int) -> None:
    """Inference and a training step of trunk and pyramid."""
    from benchmarking.choices import Shape
    from benchmarking.contenders import fill
    from benchmarking.detector_memory import account, step_of, trunk_with_pyramid

    shape, dtype = Shape(ARCHS[args.size], None, side, 16), torch.float16
    for mode in ('forward', 'train'):
        case = f'trunk and pyramid, {side}, {"inference" if mode == "forward" else "training step"}'
        with recorder.case(case):
            accounted = account(shape, side, mode, dtype)
            with torch.device('meta'):
                model = trunk_with_pyramid(shape, side, -1)
            model = fill(model, args.device, dtype)
            images = torch.rand(1, 3, side, side, device=args.device, dtype=dtype)
            step = step_of(model, images, mode)

            def whole(model: nn.Module = model, step: Callable[[], None] = step) -> None:
                step()
                # the account of a training step counts the gradients as its own
                model.zero_grad(set_to_none=True)

            beyond = accounted['weight_bytes'] + accounted['peak_bytes'] + images.nbytes
            recorder.add(case, **_measured(whole, args.device, beyond))
            del model, step, whole
        _release(args.device)


def build_detector(config: str, device: str) -> tuple[nn.Module, Any]:
    """The detector of a config with small random weights, and the config."""
    from mmengine.registry import MODELS, init_default_scope

    from eva_mm.apis import load_config
    from eva_mm.checkpoint.uninitialised import uninitialised

    cfg = load_config(config)
    init_default_scope('mmdet')
    cfg.model.backbone.init_cfg = cfg.model.init_cfg = None
    with torch.device(device), uninitialised():
        model = MODELS.build(cfg.model)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim == 1:
                parameter.fill_(float(name.endswith('weight')))
            else:
                parameter.uniform_(-0.03, 0.03)
    return model.to(device), cfg


def sample(side: int) -> dict[str, list]:
    """One image of noise with five objects, as mmdet's pipeline packs it."""
    import numpy as np
    from mmdet.structures import DetDataSample
    from mmdet.structures.mask import BitmapMasks
    from mmengine.structures import InstanceData

    corners = torch.arange(5).float() * side / 8
    boxes = torch.stack((corners, corners, corners + side / 4, corners + side / 3), dim=1)
    masks = np.zeros((5, side, side), np.uint8)
    for mask, (x1, y1, x2, y2) in zip(masks, boxes.int().tolist()):
        mask[y1:y2, x1:x2] = 1
    objects = InstanceData(bboxes=boxes, labels=torch.arange(5), masks=BitmapMasks(masks, side, side))
    meta = dict(img_shape=(side, side), ori_shape=(side, side), scale_factor=(1.0, 1.0), batch_input_shape=(side, side))
    data = DetDataSample(gt_instances=objects, ignored_instances=InstanceData(bboxes=torch.zeros(0, 4)), metainfo=meta)
    return {'inputs': [torch.randint(0, 256, (3, side, side), dtype=torch.uint8)], 'data_samples': [data]}


def measure_detector(args: argparse.Namespace, recorder: Recorder) -> None:
    """Inference at every size, then training steps, which need most memory."""
    from mmengine.optim import AmpOptimWrapper, OptimWrapper

    from eva_mm.apis.planning.plan import plan_training

    sides, device = SIDES[args.size], args.device
    with recorder.case('whole detector'):
        model, cfg = build_detector(CONFIGS[args.size], device)
        model.eval()
        for side in sides:
            case = f'whole detector, {side}, inference'
            with recorder.case(case):

                def infer(data: dict = sample(side)) -> None:  # noqa: B008 - one sample a side
                    with torch.no_grad(), torch.autocast(device, torch.float16):
                        model.test_step(data)

                recorder.add(case, **_measured(infer, device))
            _release(device)
        model.train()
        optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-6)
        wrapper = AmpOptimWrapper(optimizer=optimizer) if device == 'cuda' else OptimWrapper(optimizer)
        for side in sides:
            case = f'whole detector, {side}, training step'
            with recorder.case(case):
                plan = plan_training(cfg, 1, batch_size=1, image_size=[side])

                def train(data: dict = sample(side)) -> None:  # noqa: B008 - one sample a side
                    model.train_step(data, wrapper)

                recorder.add(case, **_measured(train, device, plan.memory[0, True].peak))
            model.zero_grad(set_to_none=True)
            _release(device)


def run(args: argparse.Namespace, recorder: Recorder) -> None:
    """Trunk first: it needs no host."""
    import eva_mm  # noqa: F401 - before any host

    for side in SIDES[args.size]:
        measure_trunk(args, recorder, side)
    measure_detector(args, recorder)
