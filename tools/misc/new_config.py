"""Write a config for your own data; the same as ``eva-mm new-config``."""

import sys

from eva_mm.cli import main

if __name__ == '__main__':
    main(['new-config', *sys.argv[1:]], prog=sys.argv[0])
