"""Pre-training steps: ours, ours compiled, and timm's EVA as the student of the same head and teacher."""

import argparse
from collections.abc import Callable

import torch
from open_clip.transformer import VisionTransformer
from torch import Tensor, nn

from benchmarking.choices import Shape
from benchmarking.contenders import fill, timm_backbone
from eva_mm.engine.hooks.compile_blocks_hook import compile_blocks
from eva_mm.models.backbones import EVAPretrainViT
from eva_mm.models.backbones.arch_zoo import resolve_arch
from eva_mm.models.selfsup import CLIPTeacher

# width, layers, channels of the features
TEACHERS = {'clip-l': (1024, 24, 768), 'nano': (64, 2, 32)}


class TimmStudent(nn.Module):
    """timm's EVA that takes a mask: hidden patches become a token before positions are added."""

    def __init__(self, arch: str, img_size: int) -> None:
        super().__init__()
        self.trunk = timm_backbone(Shape(arch, img_size=img_size))
        self.mask_token = nn.Parameter(torch.zeros(1, 1, self.trunk.embed_dim))

    def forward(self, images: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Images (B, 3, H, W) and mask (B, N) to tokens (B, 1 + N, C) and the mask."""
        patches = self.trunk.patch_embed(images)
        patches = torch.where(mask.unsqueeze(-1), self.mask_token.to(patches.dtype), patches)
        x, *_ = self.trunk._pos_embed(patches)
        for block in self.trunk.blocks:
            x = block(x)
        return self.trunk.norm(x), mask


def make_teacher(name: str, img_size: int, device: str) -> Callable[[Tensor], Tensor]:
    """Our teacher around a tower of random weights: images (B, 3, H, W) to features (B, N, D)."""
    width, layers, out_dims = TEACHERS[name]
    teacher = CLIPTeacher.__new__(CLIPTeacher)
    teacher.visual = VisionTransformer(
        image_size=img_size, patch_size=14, width=width, layers=layers, heads=width // 64, mlp_ratio=4,
        output_dim=out_dims,
    )  # fmt: skip
    teacher.visual.to(device).requires_grad_(False).eval()
    return teacher


def make_student(name: str, args: argparse.Namespace) -> nn.Module:
    """A student on its device, with a mask as second input."""
    with torch.device('meta'):
        if name == 'timm':
            student = TimmStudent(args.arch, args.img_size)
        else:
            student = EVAPretrainViT(arch=args.arch, img_size=args.img_size, with_cp=args.with_cp)
    student = fill(student, args.device, torch.float32).train()
    if name == 'eva_mm compiled':
        compile_blocks(student)
    return student


def make_step(student: nn.Module, head: nn.Module, teacher: Callable, images: Tensor, mask: Tensor) -> Callable:
    """A function without arguments that runs one step."""
    parameters = [*student.parameters(), *head.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=1e-4, betas=(0.9, 0.98), fused=True)

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(images.device.type, torch.bfloat16):
            target = teacher(images)
            tokens, hidden = student(images, mask)
            loss = head.loss(tokens, target, hidden)['loss']
        loss.backward()
        optimizer.step()

    return step


def count_operations(args: argparse.Namespace, tokens: int) -> int:
    """Floating point operations of student (forward and backward) and teacher (forward), by formula."""
    sizes = resolve_arch(args.arch)
    width, layers, _ = TEACHERS[args.teacher]

    def forward(dims: int, hidden: int, depth: int) -> int:
        return 2 * depth * tokens * (4 * dims**2 + 2 * dims * hidden + 2 * tokens * dims)

    student = forward(sizes.embed_dims, sizes.feedforward_channels, sizes.num_layers)
    return args.batch_size * (3 * student + forward(width, 4 * width, layers))


def matrix_rate(device: str, timed: Callable) -> float:
    """Floating point operations per second of one large bf16 product, the best of ten."""
    size = 8192 if torch.device(device).type == 'cuda' else 1024
    one, other = (torch.randn(size, size, device=device, dtype=torch.bfloat16) for _ in range(2))
    return 2 * size**3 / min(timed(lambda: one @ other) for _ in range(10))
