import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def run_python(tmp_path):
    """Run code in a fresh interpreter, where nothing is imported yet, and return what it printed.

    ``hidden`` names modules that the interpreter shall not have, and ``first`` folders to look in first.
    """

    def run(code: str, hidden: tuple[str, ...] = (), first: tuple[Path, ...] = ()) -> str:
        hide = f"""
            import sys
            from importlib.machinery import PathFinder
            class Partial(PathFinder):
                @classmethod
                def find_spec(cls, name, *args):
                    return None if name in {hidden!r} else super().find_spec(name, *args)
            sys.meta_path = [Partial if f is PathFinder else f for f in sys.meta_path if 'distutils' not in repr(f)]
            """
        path = os.pathsep.join(map(str, (*first, REPOSITORY)))
        done = subprocess.run(
            [sys.executable, '-W', 'ignore', '-c', textwrap.dedent(hide) + textwrap.dedent(code)],
            env={**os.environ, 'PYTHONPATH': path, 'OMP_NUM_THREADS': '1'},
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run
