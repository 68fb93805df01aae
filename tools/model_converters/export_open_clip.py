"""python tools/model_converters/export_open_clip.py CONFIG CHECKPOINT FOLDER. The same as ``eva-mm export-open-clip``."""

import sys

from eva_mm.cli import main

if __name__ == '__main__':
    main(['export-open-clip', *sys.argv[1:]], prog=sys.argv[0])
