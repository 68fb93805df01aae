"""How the command line reports what a user can mend."""

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from eva_mm.errors import UserError
from eva_mm.process import DISK_FULL, is_full_disk
from eva_mm.safe_io.printed import printable

TRACEBACK_VARIABLE = 'EVA_MM_TRACEBACK'


def _one_sentence(error: BaseException) -> str:
    if isinstance(error, ModuleNotFoundError) and error.name in ('mmengine', 'mmcv'):
        return (
            f'{error.name} is not installed: pip install "eva_mm[EXTRA]" with pretrain, det, seg, video or clip '
            "(OpenMMLab's packages), or onedl (their forks)."
        )
    text = str(error.args[0] if isinstance(error, KeyError) and error.args else error)
    # the registries of mmengine prefix every level that they build with a line of their own
    text = re.sub(r'^(class `\w+` in [\w./-]+: )+', '', ' '.join(text.split()))
    return printable(text, longest=2000) or type(error).__name__


def _end_for_want_of_room(error: BaseException, advice: str) -> NoReturn:
    print(f'error: the disk is full ({_one_sentence(error)}): make room and {advice}.', file=sys.stderr)
    sys.exit(DISK_FULL)


@contextmanager
def run_errors(advice: str = 'run it again') -> Iterator[None]:
    """Around work: what a user can mend ends it with one line, and a full disk with a code of its own.

    Everything else is a defect and keeps its traceback.

    Args:
        advice: What to do when there is room again.
    """
    try:
        with user_errors(UserError):
            yield
    except (OSError, RuntimeError) as error:
        if os.environ.get(TRACEBACK_VARIABLE) == '1' or not is_full_disk(error):
            raise
        _end_for_want_of_room(error, advice)


@contextmanager
def user_errors(*expected: type[BaseException]) -> Iterator[None]:
    """Turn expected errors into one line on stderr and exit code 2.

    Wrap what reads user input and builds from it, not the training itself: a defect there must keep its traceback.
    With ``EVA_MM_TRACEBACK=1`` in the environment nothing is caught.

    Args:
        expected: Errors that mean wrong input. Default: the ones that hosts raise for it.
    """
    expected = expected or (UserError, ValueError, OSError, ImportError, KeyError, TypeError, AttributeError)
    try:
        yield
    except expected as error:
        if os.environ.get(TRACEBACK_VARIABLE) == '1':
            raise
        if is_full_disk(error):
            _end_for_want_of_room(error, 'run it again')
        print(f'error: {_one_sentence(error)}', file=sys.stderr)
        sys.exit(2)
