"""EVA backbones; none imports a host."""

from eva_mm.models.backbones.arch_zoo import ARCH_ZOO
from eva_mm.models.backbones.eva_mae_vit import EVAMAEViT
from eva_mm.models.backbones.eva_pretrain_vit import EVAPretrainViT
from eva_mm.models.backbones.eva_vit import EVAViT
from eva_mm.models.backbones.eva_vit_det import EVAViTDet
from eva_mm.models.backbones.eva_vit_eomt import EVAViTEoMT
from eva_mm.models.backbones.eva_vit_video import EVAViTVideo

__all__ = ['ARCH_ZOO', 'EVAMAEViT', 'EVAPretrainViT', 'EVAViT', 'EVAViTDet', 'EVAViTEoMT', 'EVAViTVideo']
