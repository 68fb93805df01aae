"""How the command line reports what a user can mend."""

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from eva_mm.safe_io.printed import printable

TRACEBACK_VARIABLE = 'EVA_MM_TRACEBACK'


class UserError(ValueError):
    """Wrong input from the user; its text is one sentence with what was given, what was expected and what to do."""


def _one_sentence(error: BaseException) -> str:
    text = str(error.args[0] if isinstance(error, KeyError) and error.args else error)
    # the registries of mmengine prefix every level that they build with a line of their own
    text = re.sub(r'^(class `\w+` in [\w./-]+: )+', '', ' '.join(text.split()))
    return printable(text, longest=2000) or type(error).__name__


@contextmanager
def fail_in_one_sentence(*expected: type[BaseException]) -> Iterator[None]:
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
