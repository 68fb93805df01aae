"""The text side of EVA-CLIP: open_clip's transformer and tokenizer."""

import math
from collections.abc import Sequence

import torch
from mmengine.logging import print_log
from open_clip.tokenizer import SimpleTokenizer
from open_clip.transformer import TextTransformer
from torch import Tensor, nn

from eva_mm.models.multimodal.text_weights import load_text_tower
from eva_mm.registry import MODELS

# a temperature of 0.07 and its limit of 0.01 (arXiv 2103.00020, section 2.3 to 2.5)
INIT_LOGIT_SCALE = math.log(1 / 0.07)
MAX_LOGIT_SCALE = math.log(100)


@MODELS.register_module()
class CLIPTextTower(TextTransformer):
    """open_clip's causal text transformer with exact GELU, and the logit scale, which the release keeps in here.

    Args:
        embed_dim: Channels E of the space that images and texts share.
        context_length: Tokens L of a text, longer ones are cut.
        vocab_size: Rows of the token table; CLIP's byte pair encoding has 49,408.
        width: Channels of a token.
        heads: Heads of an attention.
        layers: Number of blocks.
        with_cp: Activation checkpointing of every block.
        init_cfg: ``dict(type='Pretrained', checkpoint=...)`` loads the text tower of any CLIP, with
            ``projection=False`` all of it but its projection, see
            :func:`eva_mm.models.multimodal.text_weights.load_text_tower`. ``None`` means from scratch.
    """

    def __init__(
        self,
        embed_dim: int,
        context_length: int = 77,
        vocab_size: int = 49408,
        width: int = 768,
        heads: int = 12,
        layers: int = 12,
        with_cp: bool = False,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(
            context_length=context_length,
            vocab_size=vocab_size,
            width=width,
            heads=heads,
            layers=layers,
            output_dim=embed_dim,
        )
        # a scalar in every checkpoint, but DeepSpeed cannot broadcast parameters without dimensions
        self.logit_scale = nn.Parameter(torch.full((1,), INIT_LOGIT_SCALE))
        self.set_grad_checkpointing(with_cp)
        self._tokenizer = SimpleTokenizer(context_length=context_length)
        self.init_cfg = init_cfg

    def init_weights(self) -> None:
        """Load what ``init_cfg`` names; the random start is open_clip's and was made when the tower was built."""
        if self.init_cfg:
            chosen = {name: value for name, value in self.init_cfg.items() if name not in ('type', 'checkpoint')}
            print_log(load_text_tower(self, self.init_cfg['checkpoint'], **chosen), logger='current')

    def _save_to_state_dict(self, destination: dict, prefix: str, keep_vars: bool) -> None:
        super()._save_to_state_dict(destination, prefix, keep_vars)
        destination[f'{prefix}logit_scale'] = destination[f'{prefix}logit_scale'].reshape(())

    def _load_from_state_dict(self, state_dict: dict, prefix: str, *args) -> None:
        name = f'{prefix}logit_scale'
        if name in state_dict:
            state_dict[name] = state_dict[name].reshape(1)
        super()._load_from_state_dict(state_dict, prefix, *args)

    def tokenize(self, texts: Sequence[str]) -> Tensor:
        """Texts to token indices (B, L) on the device of the tower, padded with 0."""
        return self._tokenizer(list(texts)).to(self.positional_embedding.device)

    @torch.no_grad()
    def clamp_logit_scale(self) -> None:
        """Bring the logit scale back into [1, 100], what CLIP does after each step."""
        self.logit_scale.clamp_(0, MAX_LOGIT_SCALE)

    def get_layer_depth(self, param_name: str, prefix: str = '') -> tuple[int, int]:
        """Depth of a parameter: 0 for embeddings, i + 1 for block i, the last for everything else.

        Args:
            param_name: Name of the parameter in the whole model.
            prefix: What stands before the names of this tower, for instance ``'text.'``.

        Returns:
            ``(depth, layers + 2)``.
        """
        depths = self.transformer.layers + 2
        name = param_name.removeprefix(prefix)
        if name in ('token_embedding.weight', 'positional_embedding'):
            return 0, depths
        if name.startswith('transformer.resblocks.'):
            return int(name.split('.')[2]) + 1, depths
        return depths - 1, depths
