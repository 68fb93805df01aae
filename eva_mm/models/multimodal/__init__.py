"""Models of images and text; needs open_clip."""

from eva_mm.models.multimodal.clip_text import CLIPTextTower
from eva_mm.models.multimodal.eva_clip import EVACLIP
from eva_mm.models.multimodal.eva_clip_vit import EVACLIPViT

__all__ = ['CLIPTextTower', 'EVACLIP', 'EVACLIPViT']
