"""Evaluate a checkpoint: python tools/test.py CONFIG CHECKPOINT [options]; the same as ``eva-mm test``."""

import sys

from eva_mm.cli import main

if __name__ == '__main__':
    main(['test', *sys.argv[1:]], prog=sys.argv[0])
