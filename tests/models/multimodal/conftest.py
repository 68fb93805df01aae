"""An EVA-CLIP of 48 and 32 channels."""

import pytest

from eva_mm.registry import MODELS

ARCH = dict(embed_dims=48, num_layers=3, num_heads=4, feedforward_channels=209)
TEXT = dict(context_length=14, vocab_size=90, width=32, heads=4, layers=3)


@pytest.fixture
def build_clip():
    """Build the size of the golden numbers, with changes to the towers."""

    def build(visual: dict | None = None, text: dict | None = None, **kwargs):
        return MODELS.build(
            dict(
                type='eva_mm.EVACLIP',
                embed_dim=24,
                visual={'type': 'eva_mm.EVACLIPViT', 'arch': ARCH, 'img_size': 56, **(visual or {})},
                text={'type': 'eva_mm.CLIPTextTower', **TEXT, **(text or {})},
                **kwargs,
            )
        )

    return build
