import pytest
import torch

from eva_mm.layers import Attention, Block, DropPath, Mlp, PostNormBlock


def _block(**kwargs):
    return Block(16, Attention(16, 2), Mlp(16, 32), **kwargs)


def test_is_the_equation():
    block = _block(layer_scale_init_value=0.5)
    x = torch.randn(2, 9, 16)
    y = x + 0.5 * block.attn(block.norm1(x), (3, 3))
    y = y + 0.5 * block.mlp(block.norm2(y))
    torch.testing.assert_close(block(x, (3, 3)), y)


def test_post_norm_is_its_equation():
    block = PostNormBlock(16, Attention(16, 2), Mlp(16, 32), layer_scale_init_value=0.5)
    x = torch.randn(2, 9, 16)
    y = x + 0.5 * block.norm1(block.attn(x, (3, 3)))
    torch.testing.assert_close(block(x, (3, 3)), y + 0.5 * block.norm2(block.mlp(y)))


@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16])
def test_inference_overwrites_only_its_own_tensors(dtype):
    block = _block().eval()
    x = torch.randn(2, 9, 16)
    before = x.clone()
    with torch.autocast('cpu', dtype=dtype, enabled=dtype is not torch.float32):
        expected = block(x, (3, 3))
        with torch.no_grad():
            found = block(x, (3, 3))
    assert torch.equal(x, before)
    assert found.dtype == expected.dtype
    assert torch.equal(found, expected)


def test_checkpointing_changes_nothing():
    plain, saving = _block(), _block(with_cp=True)
    saving.load_state_dict(plain.state_dict())
    x = torch.randn(2, 9, 16)
    for block in (plain, saving):
        block(x, (3, 3)).square().sum().backward()
    for (name, one), (_, other) in zip(plain.named_parameters(), saving.named_parameters()):
        assert torch.equal(one.grad, other.grad), name


def test_no_layer_scale_means_no_parameter():
    assert not any('gamma' in name for name, _ in _block().named_parameters())


def test_drop_path_drops_each_branch_once():
    """At rate 0.5 half of the samples lose the branch, the others are doubled; evaluation keeps it."""
    drop = DropPath(0.5)
    out = drop(torch.ones(4000, 3))
    assert set(out.unique().tolist()) == {0.0, 2.0}
    assert abs((out[:, 0] == 0).float().mean() - 0.5) < 0.03
    assert torch.equal(drop.eval()(torch.ones(5, 3)), torch.ones(5, 3))


def test_the_feed_forward_branch_is_dropped_as_often_as_the_attention_branch():
    """mmpretrain's BEiT layer drops it twice (75 % at rate 0.5)."""
    block = _block(drop_path=0.5)
    x = torch.randn(4000, 1, 16)
    with torch.no_grad():
        after_attention = x + block._branch(block.attn(block.norm1(x), (1, 1)), None)
        out = after_attention + block._branch(block.mlp(block.norm2(after_attention)), None)
    dropped = (out == after_attention).all(-1).float().mean()
    assert abs(dropped - 0.5) < 0.03
