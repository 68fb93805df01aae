"""EVA-CLIP (arXiv 2211.07636, section 3.5): an EVA vision tower, a CLIP text tower, one contrastive loss."""

from collections.abc import Sequence

import torch
from mmengine.dist import all_reduce_dict, get_dist_info
from mmengine.model import BaseModel
from mmengine.structures import BaseDataElement
from open_clip.loss import ClipLoss
from torch import Tensor
from torch.nn import functional as F

from eva_mm.models.multimodal.zero_shot import build_classifier
from eva_mm.registry import MODELS


def _full_precision(x: Tensor) -> Tensor:
    """Half precision to fp32; anything else as it is."""
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x


def _features(x: Tensor, normalize: bool) -> Tensor:
    x = _full_precision(x)
    return F.normalize(x, dim=-1) if normalize else x


def contrastive_loss(image_features: Tensor, text_features: Tensor, logit_scale: Tensor) -> Tensor:
    """CLIP's symmetric cross-entropy over the pairs of all ranks.

    Each rank computes only its own rows (local loss) against the features of all ranks, through which gradients flow
    (gather with gradient). So the gradients that data parallelism averages are those of one process with the joined
    batch.

    Args:
        image_features: (B, E), normalised.
        text_features: (B, E), normalised.
        logit_scale: Factor on the cosine similarities, a scalar.

    Returns:
        The mean over this rank's pairs, a scalar.
    """
    rank, world_size = get_dist_info()
    loss = ClipLoss(local_loss=True, gather_with_grad=True, rank=rank, world_size=world_size)
    return loss(image_features, text_features, logit_scale)


@MODELS.register_module()
class EVACLIP(BaseModel):
    """Two towers whose features meet in one space.

    Parameter names are those of the release: ``visual.*``, ``text.*`` with ``text.logit_scale``.

    Args:
        visual: Config of the vision tower, ``eva_mm.EVACLIPViT``; ``embed_dim`` is filled in.
        text: Config of the text tower, ``eva_mm.CLIPTextTower``; ``embed_dim`` is filled in.
        embed_dim: Channels E of the space that images and texts share.
        zero_shot: ``dict(classes=, templates=)``, see :mod:`eva_mm.models.multimodal.zero_shot`: the classes that
            ``'predict'`` chooses from when there are no texts.
        data_preprocessor: Config of the normalisation of pixels.
        init_cfg: mmengine's; usually each tower has its own.
    """

    # whose names a checkpoint is converted to
    checkpoint_task = 'clip'

    def __init__(
        self,
        visual: dict,
        text: dict,
        embed_dim: int = 1024,
        zero_shot: dict | None = None,
        data_preprocessor: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(data_preprocessor, init_cfg)
        self.visual = MODELS.build({'embed_dim': embed_dim, **visual})
        self.text = MODELS.build({'embed_dim': embed_dim, **text})
        self.zero_shot = zero_shot
        self._classifier: Tensor | None = None

    def encode_image(self, images: Tensor, normalize: bool = True) -> Tensor:
        """Images (B, 3, H, W) to features (B, E), of length 1 if ``normalize``."""
        return _features(self.visual(images), normalize)

    def encode_text(self, tokens: Tensor, normalize: bool = True) -> Tensor:
        """Tokens (B, L) to features (B, E), of length 1 if ``normalize``."""
        return _features(self.text(tokens), normalize)

    def train(self, mode: bool = True) -> 'EVACLIP':
        """Set the mode; class features are worked out anew after training."""
        if mode:
            self._classifier = None
        return super().train(mode)

    def classifier(self) -> Tensor:
        """The mean text feature of each class of ``zero_shot`` over all templates, (E, K).

        Raises:
            ValueError: The model has no ``zero_shot``.
        """
        if self.zero_shot is None:
            raise ValueError('This EVACLIP cannot classify: give it zero_shot=dict(classes=..., templates=...).')
        if self._classifier is None:
            self._classifier = build_classifier(self, **self.zero_shot)
        return self._classifier

    def get_layer_depth(self, param_name: str, prefix: str = '') -> tuple[int, int]:
        """Depth of a parameter in its tower, and the number of depths of that tower."""
        tower = 'visual.' if param_name.startswith(f'{prefix}visual.') else 'text.'
        return self.get_submodule(tower[:-1]).get_layer_depth(param_name, prefix + tower)

    def forward(
        self,
        inputs: Tensor,
        tokens: Sequence[Tensor] | None = None,
        data_samples: list[BaseDataElement] | None = None,
        mode: str = 'tensor',
    ) -> dict[str, Tensor] | tuple[Tensor, ...] | list[BaseDataElement]:
        """Features, the loss, or features attached to the samples.

        Args:
            inputs: Images (B, 3, H, W).
            tokens: Token indices of the texts: (B, L), or B tensors (L,); to predict, B tensors (T_i, L), since an
                image may have several texts.
            data_samples: B samples; ``'predict'`` adds to them.
            mode: ``'tensor'``, ``'loss'`` or ``'predict'``.

        Returns:
            ``'tensor'``: features of images (B, E) and texts (B, E), and the logit scale. ``'loss'``: a dict of
            ``loss`` and ``logit_scale``. ``'predict'``: the samples; with ``image_feature`` (E,) and
            ``text_features`` (T_i, E), or where there are no texts with ``pred_score`` (K,), the probabilities of the
            classes of ``zero_shot``.

        Raises:
            ValueError: Unknown ``mode``.
        """
        if mode == 'predict':
            return self.classify(inputs, data_samples) if tokens is None else self.embed(inputs, tokens, data_samples)
        if mode not in ('tensor', 'loss'):
            raise ValueError(f"mode={mode!r} is unknown: choose from 'tensor', 'loss' and 'predict'.")
        if mode == 'loss':
            self.text.clamp_logit_scale()
        tokens = tokens if isinstance(tokens, Tensor) else torch.stack(tuple(tokens))
        scale = _full_precision(self.text.logit_scale).exp().squeeze()
        features = self.encode_image(inputs), self.encode_text(tokens), scale
        if mode == 'tensor':
            return features
        return dict(loss=contrastive_loss(*features), logit_scale=scale.detach())

    @torch.no_grad()
    def embed(
        self, inputs: Tensor, tokens: Sequence[Tensor], data_samples: list[BaseDataElement]
    ) -> list[BaseDataElement]:
        """Attach ``image_feature`` (E,) and ``text_features`` (T_i, E) to each sample."""
        texts = self.encode_text(torch.cat(tuple(tokens))).split([len(texts) for texts in tokens])
        for sample, image_feature, text_features in zip(data_samples, self.encode_image(inputs), texts):
            sample.image_feature, sample.text_features = image_feature, text_features
        return data_samples

    @torch.no_grad()
    def classify(self, inputs: Tensor, data_samples: list[BaseDataElement]) -> list[BaseDataElement]:
        """Attach ``pred_score`` (K,) to each sample: softmax of 100 times the cosines.

        Args:
            inputs: Images (B, 3, H, W), or one frame of each video (B, 1, 3, H, W).
            data_samples: B samples.
        """
        images = inputs.flatten(0, 1) if inputs.ndim == 5 else inputs
        scores = (100 * self.encode_image(images) @ self.classifier()).softmax(dim=-1)
        for sample, score in zip(data_samples, scores):
            sample.pred_score = score
        return data_samples

    def parse_losses(self, losses: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """As mmengine's, but what is logged is the mean over all ranks: each has seen only its own rows."""
        loss, log_vars = super().parse_losses(losses)
        log_vars = {name: value.detach().clone() for name, value in log_vars.items()}
        all_reduce_dict(log_vars, op='mean')
        return loss, log_vars
