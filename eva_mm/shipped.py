"""Where the configs of the package are: beside it in a checkout, in its ``.mim`` in an installed wheel."""

from difflib import get_close_matches
from functools import cache
from pathlib import Path

SCOPE = 'eva_mm::'


@cache
def shipped_root() -> Path:
    """The directory with ``model-index.yml`` and ``configs``; a checkout includes an editable install of it.

    Raises:
        FileNotFoundError: The package is neither.
    """
    package = Path(__file__).resolve().parent
    for root in (package.parent, package / '.mim'):
        if (root / 'model-index.yml').is_file() and (root / 'configs').is_dir():
            return root
    raise FileNotFoundError(
        f'{package} has no configs: neither beside it nor in {package / ".mim"} is a model-index.yml; '
        'install eva_mm again, or work in a checkout.'
    )


def shipped_config(name: str) -> Path:
    """The file of a shipped config.

    Args:
        name: Its place below ``configs``, such as ``'detection/NAME.py'``; ``eva_mm::`` in front and ``.py`` may be
            there or not.

    Raises:
        FileNotFoundError: There is none; the message has the nearest name.
    """
    configs = shipped_root() / 'configs'
    place = name.removeprefix(SCOPE).removesuffix('.py') + '.py'
    file = configs / place
    if file.is_file():
        return file
    near = get_close_matches(place, [str(each.relative_to(configs)) for each in configs.rglob('*.py')], n=1)
    raise FileNotFoundError(
        f'eva_mm has no config {place!r}: {f"did you mean {near[0]!r}? " if near else ""}eva-mm list shows its models.'
    )
