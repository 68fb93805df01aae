"""The readout of masked image modelling: one linear layer on the hidden patches, and its loss."""

from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn import functional as F

from eva_mm.registry import MODELS


@MODELS.register_module()
class MaskedFeatureHead(BaseModule):
    """Regress the teacher's features of the hidden patches by their negative cosine similarity.

    The mean runs over all hidden patches of the local batch, not over images, as in the release. Similarities are fp32.

    Args:
        embed_dims: Channels C of the student's tokens.
        out_channels: Channels D of the teacher's features.
        init_std: Standard deviation and cut of the truncated normal that initialises the layer (EVA-g); ``None`` is
            MAE's Xavier uniform (EVA-L).
        init_cfg: mmengine's.
    """

    def __init__(
        self, embed_dims: int, out_channels: int, init_std: float | None = 0.015, init_cfg: dict | None = None
    ) -> None:
        super().__init__(init_cfg)
        self.init_std = init_std
        self.lm_head = nn.Linear(embed_dims, out_channels)

    def init_weights(self) -> None:
        """Initialise the layer as the released code."""
        if self.init_std is None:
            nn.init.xavier_uniform_(self.lm_head.weight)
        else:
            nn.init.trunc_normal_(self.lm_head.weight, std=self.init_std, a=-self.init_std, b=self.init_std)
        nn.init.zeros_(self.lm_head.bias)
        super().init_weights()

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """Predict hidden patches: tokens (B, 1 + N, C) and mask (B, N) to (M, D), M hidden patches in the batch."""
        return self.lm_head(tokens[:, -mask.shape[1] :][mask])

    def loss(self, tokens: Tensor, target: Tensor, mask: Tensor) -> dict[str, Tensor]:
        """Negative mean cosine similarity.

        Args:
            tokens: (B, 1 + N, C) of the student.
            target: (B, N, D) of the teacher.
            mask: (B, N) bool, true where hidden.

        Raises:
            ValueError: Student and teacher disagree on the patches or the channels.
        """
        expected = (*mask.shape, self.lm_head.out_features)
        if tuple(target.shape) != expected:
            raise ValueError(
                f'The teacher gives features of shape {tuple(target.shape)}, the student expects {expected} '
                '(images, patches, channels): let both have the same image and patch size, and set '
                "the head's out_channels to the teacher's."
            )
        prediction = self(tokens, mask)
        similarity = F.cosine_similarity(prediction.float(), target[mask].float(), dim=-1)
        return {'loss': -similarity.mean()}
