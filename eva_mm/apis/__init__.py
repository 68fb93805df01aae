"""What ``tools/`` calls: build a runner from a config, train and test any task."""

from eva_mm.apis.config import load_config
from eva_mm.apis.errors import UserError, fail_in_one_sentence
from eva_mm.apis.runner import build_runner

__all__ = ['UserError', 'build_runner', 'fail_in_one_sentence', 'load_config']
