"""EVA of another library and of this package with the same weights, and how far their outputs are apart."""

from collections.abc import Callable

import torch
from torch import Tensor, nn


def randomise(model: nn.Module) -> None:
    """Fill all parameters: at the start of a training biases are 0 and norms do nothing."""
    generator = torch.Generator().manual_seed(0)
    for name, parameter in model.named_parameters():
        centre = 1.0 if 'norm' in name and name.endswith('weight') else 0.0
        parameter.data.normal_(centre, 0.02, generator=generator)


def from_timm(name: str) -> tuple[nn.Module, Callable[[Tensor], Tensor], str]:
    """timm's classifier, its forward, and the task whose model takes it."""
    import timm

    model = timm.create_model(name).eval()
    return model, model, 'classification'


def from_open_clip(name: str) -> tuple[nn.Module, Callable[[Tensor], Tensor], str]:
    """open_clip's two towers, the forward of the vision tower, and the task whose model takes it."""
    import open_clip

    model = open_clip.create_model(name, load_weights=False).eval()
    return model, model.encode_image, 'clip'


def build_ours(task: str) -> nn.Module:
    """The model of this package on the meta device, with the names of the task."""
    from eva_mm.models.backbones import EVAViT
    from eva_mm.models.multimodal import EVACLIPViT

    model = nn.Module()
    common = dict(arch='giant', img_size=224, patch_size=14)
    if task == 'clip':
        model.visual = EVACLIPViT(embed_dim=1024, **common)
    else:
        model.backbone = EVAViT(out_type='avg_featmap', **common)
        model.head = nn.Module()
        model.head.fc = nn.Linear(1408, 1000)
    return model.eval()


def compare(build: Callable, name: str, images: Tensor) -> float:
    """Largest relative difference between a model and ours with its weights."""
    from eva_mm.checkpoint import convert_state_dict

    theirs, forward, task = build(name)
    randomise(theirs)
    with torch.device('meta'):
        ours = build_ours(task)
    only = 'visual.' if task == 'clip' else ''
    weights, report = convert_state_dict(theirs.state_dict(), task, target=ours.state_dict(), only=only)
    print(report)
    # the tensors themselves become the parameters: there is one copy of a billion weights
    ours.load_state_dict(weights, strict=True, assign=True)
    with torch.no_grad():
        expected = forward(images)
        actual = ours.visual(images) if task == 'clip' else ours.head.fc(ours.backbone(images)[0])
    return ((actual - expected).abs().max() / expected.abs().max()).item()
