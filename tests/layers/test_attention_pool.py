import torch
from torch import nn

from eva_mm.layers import LayerNorm, Mlp
from eva_mm.layers.attention_pool import AttentionPool


def test_equals_torchs_attention_of_one_query():
    pool = AttentionPool(16, 4, Mlp(16, 32))
    for parameter in pool.parameters():
        nn.init.normal_(parameter)
    definition = nn.MultiheadAttention(16, 4, batch_first=True)
    definition.in_proj_weight.data = torch.cat((pool.q.weight, pool.kv.weight)).detach()
    definition.in_proj_bias.data = torch.cat((pool.q.bias, pool.kv.bias)).detach()
    definition.out_proj.load_state_dict(pool.proj.state_dict())
    x = torch.randn(3, 7, 16)
    read, _ = definition(pool.latent.expand(3, -1, -1), x, x)
    expected = read + pool.mlp(pool.norm(read))
    torch.testing.assert_close(pool(x), expected[:, 0], rtol=1e-4, atol=1e-4)


def test_does_not_depend_on_the_order_of_tokens_and_trains_its_query():
    pool = AttentionPool(16, 2, Mlp(16, 32), lambda dims: LayerNorm(dims, 1e-5))
    nn.init.normal_(pool.latent)
    x = torch.randn(2, 6, 16)
    torch.testing.assert_close(pool(x), pool(x.flip(1)))
    pool(x).sum().backward()
    assert pool.latent.grad.abs().sum() > 0 and pool.norm.eps == 1e-5
