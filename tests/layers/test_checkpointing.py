"""Three ways of keeping activations, one gradient; what each keeps is counted in bytes."""

import copy
import weakref

import pytest
import torch
import torch.distributed as dist
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from eva_mm.layers import Attention, Block, Mlp, WindowAttention
from eva_mm.layers.relative_position import DecomposedRelativePosition
from tests.helpers.kept_storages import KeptStorages

C, F, GRID = 32, 96, (4, 4)
TOKENS = 2 * 17
WAYS = (False, 'selective', True)


class Stack(nn.Module):
    def __init__(self, *blocks):
        super().__init__()
        self.blocks = nn.ModuleList(blocks)

    def forward(self, x):
        for one in self.blocks:
            x = one(x, GRID)
        return x


def block(with_cp, seed=0, drop=0.0, **kwargs):
    torch.manual_seed(seed)
    return Block(C, Attention(C, 4), Mlp(C, F, drop), with_cp=with_cp, **kwargs)


def gradients(module, x, grid=GRID):
    torch.manual_seed(1)
    x = x.clone().requires_grad_()
    module(x, grid).square().sum().backward()
    return {'x': x.grad, **{name: p.grad for name, p in module.named_parameters()}}


def assert_same(module, x, grid=GRID):
    """Gradients of the selective way are those of keeping everything, bit for bit."""
    other = copy.deepcopy(module)
    other.with_cp = 'selective'
    expected, found = gradients(module, x, grid), gradients(other, x, grid)
    for name, gradient in expected.items():
        assert gradient is not None and torch.equal(found[name], gradient), name


@pytest.mark.parametrize('options', [{}, dict(layer_scale_init_value=0.5, drop_path=0.5, drop=0.3)])
def test_gradients_are_equal_bit_for_bit(options):
    assert_same(block(False, **options), torch.randn(2, 17, C))


def test_fp32_logits_and_autocast():
    module = Block(C, Attention(C, 4, fp32=True), Mlp(C, F))
    with torch.autocast('cpu', torch.bfloat16):
        assert_same(module, torch.randn(2, 17, C))


def test_windows_with_relative_position():
    """On a CPU these attend in chunks, which overwrite their products."""
    attention = WindowAttention(C, 4, 3, relative_position=DecomposedRelativePosition(C // 4, (3, 3)))
    assert_same(Block(C, attention, Mlp(C, F)), torch.randn(2, 16, C))


def test_what_is_kept_lies_between():
    kept = {}
    for way in WAYS:
        module, x = block(way), torch.randn(2, 17, C)
        with KeptStorages(module) as count:
            out = module(x, GRID)
        kept[way] = (count.bytes() - out.untyped_storage().nbytes()) / (4 * TOKENS)
    # numbers of each token; x is made outside, so its C are in none of the three
    assert kept[False] == pytest.approx(7 * C + 2 * F, rel=0.1)
    assert kept['selective'] == pytest.approx(5 * C + F, rel=0.1)
    assert kept[True] < 4


def test_products_and_attention_run_once():
    """The backward pass runs the forward operations that are cheap once more, and no expensive one."""

    class Operations(TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            names.append(func.__name__)
            return func(*args, **(kwargs or {}))

    counted = {}
    for way in WAYS:
        module, names = block(way), []
        loss = module(torch.randn(2, 17, C), GRID).sum()
        with Operations():
            loss.backward()
        counted[way] = [
            sum(name.startswith(kind) for name in names)
            for kind in ('addmm', '_scaled_dot_product_flash_attention_for_cpu.', 'gelu.')
        ]
    assert counted[False] == [0, 0, 0]
    assert counted['selective'] == [0, 0, 1]
    # torch stops as soon as it has what the gradients need, before the MLP's last layer
    assert counted[True] == [3, 1, 1]


def test_frozen_blocks_keep_nothing():
    module = block('selective').requires_grad_(False)
    with KeptStorages(module) as count:
        out = module(torch.randn(2, 17, C), GRID)
    del out
    assert count.bytes() == 0


def test_the_input_lives_no_longer_than_the_graph():
    module, x = block('selective'), torch.randn(2, 17, C, requires_grad=True)
    hidden = x * 2
    alive = weakref.ref(hidden)
    loss = module(hidden, GRID).sum()
    del hidden
    loss.backward()
    del loss
    assert alive() is None


@pytest.mark.parametrize('frozen', [False, True])
def test_static_graph_of_ddp(frozen):
    dist.init_process_group('gloo', store=dist.HashStore(), rank=0, world_size=1)
    try:
        model = Stack(block(False), block('selective')), Stack(block(False), block(False))
        found, expected = ({}, {})
        for stack, gradients_of in zip(model, (found, expected)):
            stack.blocks[0].requires_grad_(not frozen)
            parallel = nn.parallel.DistributedDataParallel(stack, static_graph=True)
            for seed in range(3):
                torch.manual_seed(seed)
                parallel.zero_grad()
                parallel(torch.randn(2, 17, C)).square().sum().backward()
            gradients_of.update({name: p.grad for name, p in stack.named_parameters() if p.requires_grad})
        assert len(found) == len(list(model[0].parameters())) // (1 + frozen)
        for name, gradient in expected.items():
            assert torch.equal(found[name], gradient), name
    finally:
        dist.destroy_process_group()


def test_an_unknown_way_is_one_sentence():
    with pytest.raises(ValueError, match="with_cp='some' is unknown: choose False, True or 'selective'"):
        block('some')


def test_without_gradient_nothing_is_recorded():
    module = nn.Sequential(block('selective'))
    with torch.no_grad():
        assert not module[0](torch.randn(1, 17, C), GRID).requires_grad
