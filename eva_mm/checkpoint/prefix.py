"""What other programs put before all names of a model: Lightning its ``model.``, data parallelism its ``module.``."""

from collections import Counter

from torch import Tensor

from eva_mm.checkpoint.layouts import knows_layout


def without_prefix(weights: dict[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Weights of an EVA model without a prefix before their names, and what the file holds beside the model.

    A prefix is one that leaves names of a known layout when it is taken away.

    Returns:
        The weights, and the names of the others with the reason why they are left out.
    """
    outside: dict[str, str] = {}
    while not knows_layout(weights):
        for first, _ in Counter(name.split('.')[0] for name in weights).most_common(3):
            inner = {name.removeprefix(f'{first}.'): w for name, w in weights.items() if name.startswith(f'{first}.')}
            nested = inner and all(name.startswith('module.') for name in inner)
            if nested or knows_layout(inner):
                outside |= {n: f'beside the model {first}.' for n in weights if not n.startswith(f'{first}.')}
                weights = inner
                break
        else:
            break
    return weights, outside
