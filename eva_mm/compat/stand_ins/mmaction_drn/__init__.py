"""``mmaction.models.localizers.drn`` for an mmaction2 without it.

Defect: the wheel of mmaction2 1.2.0 lacks this sub-package (it has no ``__init__.py`` in the source tree, so packaging
skipped it), yet ``mmaction.models.localizers`` imports it: ``import mmaction.models`` fails.
Gone when ``mmaction/models/localizers/drn`` exists in the installed package: then nothing here is ever loaded.
"""
