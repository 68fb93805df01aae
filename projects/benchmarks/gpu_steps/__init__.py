"""The steps of ``gpu_report.py``, each run in a process of its own, and what writes their results to a page."""
