"""``DRN``, named so that it can be imported and registered, but not built."""

from typing import Any, NoReturn

from mmaction.registry import MODELS

__all__ = ['DRN']


@MODELS.register_module()
class DRN:
    """Stands for the localizer that the installed mmaction2 lacks.

    Raises:
        NotImplementedError: always, saying how to get the real one.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise NotImplementedError(
            'DRN is not part of the installed mmaction2 (its wheel lacks mmaction/models/localizers/drn); '
            'to use it, clone mmaction2 and install it with `pip install -e .`.'
        )
