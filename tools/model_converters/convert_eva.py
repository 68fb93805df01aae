"""Convert a checkpoint; the same as ``eva-mm convert``."""

import sys

from eva_mm.cli import main

if __name__ == '__main__':
    main(['convert', *sys.argv[1:]], prog=sys.argv[0])
