"""Files that :class:`eva_mm.compat.import_hooks.StandIns` loads under the name of a module that is missing.

They are not imported under their own name, except by tests.
"""
