"""EVA backbones; none imports a host."""

from eva_mm.models.backbones.eva_mae_vit import EVAMAEViT
from eva_mm.models.backbones.eva_pretrain_vit import EVAPretrainViT
from eva_mm.models.backbones.eva_vit import ARCH_ZOO, EVAViT

__all__ = ['ARCH_ZOO', 'EVAMAEViT', 'EVAPretrainViT', 'EVAViT']
