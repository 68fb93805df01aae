"""The config that a checkpoint carries, read without running it."""

from mmengine.config import Config

from eva_mm.checkpoint.config_text import read_config_text


def read_plain_config(text: str) -> Config:
    """A config from the text that mmengine keeps in checkpoints.

    ``Config.fromstring`` would run the text as a program. This takes values alone, which is all that such a text has.

    Raises:
        ValueError: It is no text of that kind.
    """
    return Config(read_config_text(text))
