"""Plan a training run; the same as ``eva-mm plan``."""

import sys

from eva_mm.cli import main

if __name__ == '__main__':
    main(['plan', *sys.argv[1:]], prog=sys.argv[0])
