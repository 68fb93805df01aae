"""Run by torchrun: print how far loss and gradients of two ranks are from those of one process."""

import json
import sys

import torch
from torch import distributed as dist
from torch.nn.parallel import DistributedDataParallel

from eva_mm.registry import MODELS

CONFIG = dict(
    type='eva_mm.EVACLIP',
    embed_dim=16,
    visual=dict(
        type='eva_mm.EVACLIPViT',
        arch=dict(embed_dims=32, num_layers=2, num_heads=2, feedforward_channels=64),
        img_size=28,
    ),
    text=dict(type='eva_mm.CLIPTextTower', context_length=8, vocab_size=90, width=32, heads=2, layers=2),
)


def main() -> None:
    torch.manual_seed(0)
    model = MODELS.build(CONFIG)
    model.visual.init_weights()
    model = model.double()  # leaves errors of the method alone
    images, tokens = torch.randn(8, 3, 28, 28).double(), torch.randint(1, 90, (8, 8))
    whole = model(images, tokens, mode='loss')['loss']
    whole.backward()
    expected = {name: parameter.grad.clone() for name, parameter in model.named_parameters()}
    model.zero_grad()

    dist.init_process_group('gloo')
    mine = slice(4 * dist.get_rank(), 4 * dist.get_rank() + 4)
    parallel = DistributedDataParallel(model)
    loss, log_vars = model.parse_losses(parallel(images[mine], tokens[mine], mode='loss'))
    loss.backward()
    gradient = max((p.grad - expected[name]).abs().max().item() for name, p in model.named_parameters())
    if dist.get_rank() == 0:
        json.dump(dict(loss=abs(log_vars['loss'].item() - whole.item()), gradient=gradient), sys.stdout)
    dist.destroy_process_group()


if __name__ == '__main__':
    main()
