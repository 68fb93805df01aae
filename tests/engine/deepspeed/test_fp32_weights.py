"""Plain parameters; DeepSpeed's partitions are tested in tests/engine/deepspeed/test_strategy.py."""

import torch
from mmengine.model.wrappers import MMDistributedDataParallel
from torch import nn

from eva_mm.engine.deepspeed.fp32_weights import FP32Weights, fp32_weights


def make_model():
    model = nn.Sequential(nn.Conv2d(2, 3, 2), nn.Linear(2, 2).requires_grad_(False))
    model[0].weight.data = model[0].weight.data.to(memory_format=torch.channels_last)
    return model


def test_parts_are_those_of_trainable_parameters():
    model = make_model()
    local = FP32Weights(model).local()
    assert list(local) == ['0.weight', '0.bias']
    assert all(part.ndim == 1 and not part.requires_grad for part in local.values())


def test_taking_apart_and_assembling_is_the_identity():
    model = make_model()
    weights = FP32Weights(model)
    for name, part in weights.local().items():
        whole = weights.assemble(name, part)
        assert torch.equal(whole, model.get_parameter(name))
        assert torch.equal(weights.part_of(name, whole), part)


def test_part_of_a_half_tensor_is_an_fp32_copy():
    weights = FP32Weights(make_model())
    whole = torch.ones(3, dtype=torch.float16)
    part = weights.part_of('0.bias', whole)
    whole.zero_()
    assert part.dtype == torch.float32
    assert part.tolist() == [1.0, 1.0, 1.0]


def test_write_casts_to_the_parameter():
    model = make_model().half()
    FP32Weights(model).write('0.bias', torch.full((3,), 1 / 3))
    assert torch.equal(model[0].bias, torch.full((3,), 1 / 3).half())


def test_wrapped_models_are_unwrapped():
    model = make_model()
    wrapper = MMDistributedDataParallel.__new__(MMDistributedDataParallel)
    nn.Module.__init__(wrapper)
    wrapper.module = model
    assert fp32_weights(wrapper).params.keys() == fp32_weights(model).params.keys()
