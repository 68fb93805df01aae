"""``distutils.errors``: the one exception that mmengine catches."""


class DistutilsPlatformError(Exception):
    """The platform lacks what was asked for; nothing here raises it."""
