"""Use a model on images and videos: python tools/infer.py MODEL [CHECKPOINT] INPUT...; the same as ``eva-mm infer``."""

import sys

from eva_mm.cli import main

if __name__ == '__main__':
    main(['infer', *sys.argv[1:]], prog=sys.argv[0])
