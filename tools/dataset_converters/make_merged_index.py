"""Index a pre-training set; the same as ``eva-mm index``."""

import sys

from eva_mm.cli import main

if __name__ == '__main__':
    main(['index', *sys.argv[1:]], prog=sys.argv[0])
