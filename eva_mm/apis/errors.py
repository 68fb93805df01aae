"""How the command line reports what a user can mend."""

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from eva_mm.errors import UserError
from eva_mm.process import DISK_FULL, is_full_disk

TRACEBACK_VARIABLE = 'EVA_MM_TRACEBACK'


def _one_sentence(error: BaseException) -> str:
    text = str(error.args[0] if isinstance(error, KeyError) and error.args else error)
    # the registries of mmengine prefix every level that they build with a line of their own
    text = re.sub(r'^(class `\w+` in [\w./-]+: )+', '', ' '.join(text.split()))
    return text or type(error).__name__


@contextmanager
def run_errors() -> Iterator[None]:
    """Around training: what a user can mend ends it with one line, and a full disk with a code of its own.

    Everything else is a defect and keeps its traceback.
    """
    try:
        with user_errors(UserError):
            yield
    except (OSError, RuntimeError) as error:
        if os.environ.get(TRACEBACK_VARIABLE) == '1' or not is_full_disk(error):
            raise
        print(
            f'error: the disk is full ({_one_sentence(error)}): make room and go on with --resume from the last '
            'checkpoint, which is kept.',
            file=sys.stderr,
        )
        sys.exit(DISK_FULL)


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
        print(f'error: {_one_sentence(error)}', file=sys.stderr)
        sys.exit(2)
