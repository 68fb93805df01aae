"""Sizes of EVA by name."""

from collections.abc import Mapping

ARCH_KEYS = ('embed_dims', 'num_layers', 'num_heads', 'feedforward_channels')

ARCH_ZOO: dict[str, dict[str, int]] = {
    # trains in a minute on a CPU; the size of every configs/nano
    'nano': dict(embed_dims=96, num_layers=4, num_heads=4, feedforward_channels=384),
    'tiny': dict(embed_dims=192, num_layers=12, num_heads=3, feedforward_channels=768),
    'small': dict(embed_dims=384, num_layers=12, num_heads=6, feedforward_channels=1536),
    'base': dict(embed_dims=768, num_layers=12, num_heads=12, feedforward_channels=3072),
    # EVA-L
    'large': dict(embed_dims=1024, num_layers=24, num_heads=16, feedforward_channels=4096),
    # EVA, one billion parameters
    'giant': dict(embed_dims=1408, num_layers=40, num_heads=16, feedforward_channels=6144),
}


def resolve_arch(arch: str | Mapping[str, int]) -> dict[str, int]:
    """Settings of an architecture given by name or as a dict with the four keys of ``ARCH_KEYS``.

    Raises:
        ValueError: The name is not in ``ARCH_ZOO``, or the dict has other keys.
    """
    if isinstance(arch, str):
        if arch not in ARCH_ZOO:
            raise ValueError(
                f'arch={arch!r} is unknown: choose from {", ".join(ARCH_ZOO)}, or give a dict with '
                f'{", ".join(ARCH_KEYS)}.'
            )
        return dict(ARCH_ZOO[arch])
    if set(arch) != set(ARCH_KEYS):
        raise ValueError(f'arch has the keys {sorted(arch)}, expected exactly {", ".join(ARCH_KEYS)}.')
    return {key: int(arch[key]) for key in ARCH_KEYS}
