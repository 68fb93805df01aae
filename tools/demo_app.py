"""Serve a local web page: python tools/demo_app.py [options]; the same as ``eva-mm demo``."""

import sys

from eva_mm.cli import main

if __name__ == '__main__':
    main(['demo', *sys.argv[1:]], prog=sys.argv[0])
