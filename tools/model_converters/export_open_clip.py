"""Write an EVA-CLIP for open_clip; the same as ``eva-mm export-open-clip``."""

import sys

from eva_mm.cli import main

if __name__ == '__main__':
    main(['export-open-clip', *sys.argv[1:]], prog=sys.argv[0])
