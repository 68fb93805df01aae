"""The config that a checkpoint carries, read without running it."""

from mmengine.config import Config

from eva_mm.checkpoint.config_text import read_config_text
from eva_mm.safe_io.printed import printable


def read_plain_config(text: str) -> Config:
    """A config from the text that mmengine keeps in checkpoints.

    ``Config.fromstring`` would run the text as a program. This takes values alone, which is all that such a text has.

    Raises:
        ValueError: It is no text of that kind.
    """
    content = read_config_text(text)
    try:
        return Config(content)
    # names that Config keeps for itself
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        reason = printable(' '.join(str(error).split())) or type(error).__name__
        raise ValueError(
            f'The config in the checkpoint is refused ({reason}): pass the config file in front of the checkpoint.'
        ) from error
