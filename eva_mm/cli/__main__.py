"""``python -m eva_mm.cli`` is ``eva-mm``."""

from eva_mm.cli import main

main()
