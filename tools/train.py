"""Train any task: python tools/train.py CONFIG [options]; the same as ``eva-mm train``."""

import sys

from eva_mm.cli import main

if __name__ == '__main__':
    main(['train', *sys.argv[1:]], prog=sys.argv[0])
