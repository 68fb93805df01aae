"""What the released detector has beyond mmdet: its cascade, federated loss, maskness. Imports mmdet."""

from eva_mm.models.roi_heads.cascade_roi_head import EVACascadeRoIHead
from eva_mm.models.roi_heads.federated_loss import FederatedLoss

__all__ = ['EVACascadeRoIHead', 'FederatedLoss']
