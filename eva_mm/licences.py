"""Licences of released weights, by family: the one table that ``eva-mm list`` and the documentation show."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Licence:
    """Terms of the files that the authors of a family released.

    Files that others trained with the same architecture have the licence of their own model card.

    Attributes:
        family: The family.
        archs: First words of its names in :data:`eva_mm.models.backbones.arch_zoo.ARCH_ZOO`.
        name: The licence.
        identifier: What the front matter of a model card calls it; ``'other'`` where it has no common name.
        source: The page that says so.
    """

    family: str
    archs: tuple[str, ...]
    name: str
    identifier: str
    source: str


LICENCES = (
    Licence(
        'EVA', ('nano', 'tiny', 'small', 'base', 'large', 'giant'), 'MIT', 'mit', 'https://huggingface.co/BAAI/EVA'
    ),
    Licence('EVA-CLIP, EVA-02-CLIP', ('eva02-clip',), 'MIT', 'mit', 'https://huggingface.co/QuanSun/EVA-CLIP'),
    Licence('EVA-02', ('eva02',), 'MIT', 'mit', 'https://huggingface.co/Yuxin-CV/EVA-02'),
    Licence('DINOv2', ('dinov2',), 'Apache-2.0', 'apache-2.0', 'https://github.com/facebookresearch/dinov2'),
    Licence(
        'DINOv3',
        ('dinov3',),
        'DINOv3 License (restricts use and redistribution)',
        'other',
        'https://ai.meta.com/resources/models-and-libraries/dinov3-license/',
    ),
    Licence('CLIP of OpenAI', ('clip',), 'MIT', 'mit', 'https://github.com/openai/CLIP'),
    Licence('CLIP of LAION', ('open-clip',), 'MIT', 'mit', 'https://huggingface.co/laion'),
    Licence('SigLIP, SigLIP 2', ('siglip', 'siglip2'), 'Apache-2.0', 'apache-2.0', 'https://huggingface.co/google'),
    Licence(
        'Perception Encoder',
        ('pe-core',),
        'Apache-2.0',
        'apache-2.0',
        'https://huggingface.co/facebook/PE-Core-L14-336',
    ),
)


def licence_of(arch: str) -> Licence | None:
    """The licence of the family that a name of the zoo belongs to; ``None`` where it is not known.

    The longest match counts: ``eva02-clip-base`` is of EVA-02-CLIP, not of EVA-02.
    """
    matches = [
        (len(prefix), licence)
        for licence in LICENCES
        for prefix in licence.archs
        if arch == prefix or arch.startswith(f'{prefix}-')
    ]
    return max(matches, key=lambda match: match[0])[1] if matches else None
