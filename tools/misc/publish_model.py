"""One file for inference from a training run; the same as ``eva-mm publish``."""

import sys

from eva_mm.cli import main

if __name__ == '__main__':
    main(['publish', *sys.argv[1:]], prog=sys.argv[0])
