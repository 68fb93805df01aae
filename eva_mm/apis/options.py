"""``--cfg-options`` of the command line, as in mmengine."""

from mmengine.config import DictAction

from eva_mm.apis.errors import UserError


def parse_cfg_options(pairs: list[str] | None) -> dict:
    """``['a.b=1', 'c=[x,y]']`` to ``{'a.b': 1, 'c': ['x', 'y']}``, with mmengine's own rules.

    Raises:
        UserError: A pair has no ``=``.
    """
    options = {}
    for pair in pairs or ():
        key, equals, value = pair.partition('=')
        if not equals or not key:
            raise UserError(f'--cfg-options got {pair!r}, expected KEY=VALUE, for instance train_cfg.max_epochs=10.')
        options[key] = DictAction._parse_iterable(value)
    return options
