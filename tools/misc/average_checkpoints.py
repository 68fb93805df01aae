"""Average the weights of checkpoints; the same as ``eva-mm average``."""

import sys

from eva_mm.cli import main

if __name__ == '__main__':
    main(['average', *sys.argv[1:]], prog=sys.argv[0])
