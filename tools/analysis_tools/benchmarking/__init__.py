"""What ``benchmark.py`` and the ``measure_*.py`` next to it are made of."""
