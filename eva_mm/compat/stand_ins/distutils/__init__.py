"""The part of ``distutils`` that mmengine uses.

Defect: mmengine 0.10.7 imports ``distutils.errors`` in ``collect_env``, which every ``Runner`` calls at start-up;
Python 3.12 has no ``distutils`` unless setuptools is installed.
Gone when ``mmengine/utils/dl_utils/collect_env.py`` no longer mentions ``distutils``.
"""
