"""Any backbone of this package as the teacher of masked image modelling."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from eva_mm.registry import MODELS

Channels = Sequence[float]


def _columns(values: Channels | Tensor) -> Tensor:
    return torch.as_tensor(values, dtype=torch.float32).reshape(1, -1, 1, 1)


@MODELS.register_module()
class FrozenTeacher:
    """Normalised patch tokens of a frozen backbone of any family (DINOv3, SigLIP 2, DINOv2, EVA-02, ...).

    The tokens of the last block go through the final norm of the backbone; tokens in front are dropped. Student and
    teacher need one grid of patches: with patches of another size let the teacher see the images at another size.

    As :class:`eva_mm.CLIPTeacher`, this is no ``nn.Module``: no host finds its weights. They are fp32, frozen, always
    in evaluation mode, and follow the images to their device. Half precision images are seen under autocast.

    Args:
        backbone: Config of :class:`eva_mm.EVAViT`, with ``init_cfg=dict(type='Pretrained', checkpoint=...)``.
        img_size: Height and width at which the teacher sees the images, which are resized to it (bicubic, antialiased);
            default: as the student sees them.
        mean, std: Of RGB in 0 to 255, with which the teacher was trained; default: those of the student, which is
            right for CLIP, EVA and EVA-02, whose values are the same. DINOv2 and DINOv3 have ImageNet's, SigLIP 127.5.

    Raises:
        ValueError: The backbone has no weights to start from, or one of ``mean`` and ``std`` is given alone.
    """

    def __init__(
        self,
        backbone: Mapping[str, Any],
        img_size: int | Sequence[int] | None = None,
        mean: Channels | None = None,
        std: Channels | None = None,
    ) -> None:
        if not (backbone.get('init_cfg') or {}).get('checkpoint'):
            raise ValueError(
                'The FrozenTeacher needs weights: set target_generator.backbone.init_cfg to '
                "dict(type='Pretrained', checkpoint=FILE)."
            )
        if (mean is None) != (std is None):
            raise ValueError('The FrozenTeacher has mean or std alone: give both, as the teacher was trained, or none.')
        self.backbone = {**backbone, 'out_type': 'raw'}
        self.img_size = (img_size, img_size) if isinstance(img_size, int) else img_size and tuple(img_size)
        self.mean, self.std = mean, std
        self.visual: nn.Module | None = None
        # of the images that come in: scale and shift to the teacher's normalisation
        self._scale, self._shift = torch.ones(1, 1, 1, 1), torch.zeros(1, 1, 1, 1)

    def take_input_of(self, data_preprocessor: nn.Module) -> None:
        """Let images come in as a preprocessor normalises them.

        Raises:
            ValueError: The teacher has a normalisation of its own, and the preprocessor none.
        """
        if self.mean is None or self.std is None:
            return
        if getattr(data_preprocessor, 'mean', None) is None:
            raise ValueError('The FrozenTeacher has mean and std, and the data preprocessor has none: give it both.')
        mean, std = _columns(data_preprocessor.mean), _columns(data_preprocessor.std)
        self._scale = std / _columns(self.std)
        self._shift = (mean - _columns(self.mean)) / _columns(self.std)

    def load(self) -> None:
        """Build the backbone and load its weights; a second call does nothing."""
        if self.visual is not None:
            return
        visual = MODELS.build(self.backbone)
        visual.init_weights()
        self.visual = visual.float().requires_grad_(False).eval()

    @torch.no_grad()
    def __call__(self, images: Tensor) -> Tensor:
        """Normalised images (B, 3, H, W) to features of their patches (B, N, C)."""
        self.load()
        visual: Any = self.visual
        device = images.device
        if next(visual.parameters()).device != device:
            visual.to(device)
        half = images.dtype in (torch.float16, torch.bfloat16)
        enabled = half or torch.is_autocast_enabled(device.type)
        images = images * self._scale.to(images) + self._shift.to(images)
        if self.img_size and tuple(images.shape[-2:]) != self.img_size:
            images = F.interpolate(images.float(), self.img_size, mode='bicubic', antialias=True).to(images.dtype)
        with torch.autocast(device.type, dtype=images.dtype if half else None, enabled=enabled):
            tokens = visual(images)[-1]
        return tokens[:, visual.num_extra_tokens :]
