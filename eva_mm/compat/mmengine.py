"""mmengine: reading checkpoints safely, its own included, and finding this package's configs."""

from types import ModuleType
from typing import Any

from eva_mm.shipped import SCOPE, shipped_config

__all__ = ['allow_checkpoints', 'inherit_as_a_file', 'load_safely', 'name_eva_mm']


def name_eva_mm(config_utils: ModuleType) -> None:
    """Let mmengine know the scope ``eva_mm``, as its registries and ``mmengine.hub.get_config`` ask for.

    Defect: mmengine 0.10.7 (all versions so far) looks scopes up in a table of OpenMMLab's own packages.
    Gone when ``mmengine.config.utils.MODULE2PACKAGE`` has the entry, or no longer exists.
    """
    config_utils.MODULE2PACKAGE.setdefault('eva_mm', 'eva_mm')


def inherit_as_a_file(config: ModuleType) -> None:
    """Let ``_base_ = 'eva_mm::...'`` mean what the path of the same config means, in a checkout as in a wheel.

    Defect: mmengine 0.10.7 (all versions so far) marks all that is inherited from another package with
    ``_scope_ = <package>``. Our configs are written for the scope of their host, and nothing of it is found then. It
    also looks for the file in ``.mim`` of the installed package, which an editable install does not have.
    Gone when a model that is inherited by ``eva_mm::`` builds without this call.
    """
    of_others = config.Config._get_cfg_path

    def _get_cfg_path(cfg_path: str, filename: str) -> tuple[str, str | None]:
        if not cfg_path.startswith(SCOPE):
            return of_others(cfg_path, filename)
        return str(shipped_config(cfg_path)), None

    config.Config._get_cfg_path = staticmethod(_get_cfg_path)


def load_safely(checkpoint: ModuleType) -> None:
    """Let every loader of mmengine and of the hosts read files and addresses through :mod:`eva_mm.safe_io`.

    Defect: mmengine up to 0.10.7 loads addresses with ``torch.hub``, which unpickles without restriction, keeps
    downloads under the last part of their address, and reads files without looking at their checksums. A runner that
    resumes executes ``meta['config']`` of the checkpoint as Python. Values that no weight can have are copied.
    Gone when ``load_from_http`` refuses a pickle that calls a function, two addresses of one file name do not replace
    each other, and ``Runner.resume`` no longer calls ``Config.fromstring``.
    """
    allow_checkpoints()
    copy_into_model = checkpoint.load_state_dict

    def load_from_local(filename: str, map_location: Any = None) -> dict[str, Any]:
        from os.path import expanduser

        return _read(expanduser(filename), map_location)

    def load_from_http(
        filename: str, map_location: Any = None, model_dir: str | None = None, progress: bool = False
    ) -> dict[str, Any]:
        import torch

        from eva_mm.safe_io.download import cached

        folder = model_dir or f'{torch.hub.get_dir()}/checkpoints'
        return _read(str(cached(filename, folder)), map_location)

    def load_from_hub(filename: str, map_location: Any = None) -> dict[str, Any]:
        from eva_mm.safe_io.hub import HubFile, fetch

        return _read(str(fetch(HubFile.parse(filename))), map_location)

    def load_url(url: str, model_dir: str | None = None, map_location: Any = None, **_: Any) -> dict[str, Any]:
        return load_from_http(url, map_location, model_dir)

    def load_state_dict(module: Any, state_dict: Any, *args: Any, **kwargs: Any) -> None:
        from eva_mm.safe_io.weights import value_problem

        if problem := value_problem(state_dict, module.state_dict()):
            raise ValueError(f'The checkpoint cannot be loaded into {type(module).__name__}: {problem}.')
        copy_into_model(module, state_dict, *args, **kwargs)

    loader = checkpoint.CheckpointLoader
    loader.register_scheme(prefixes='', loader=load_from_local, force=True)
    loader.register_scheme(prefixes=('http://', 'https://'), loader=load_from_http, force=True)
    loader.register_scheme(prefixes='hf://', loader=load_from_hub, force=True)
    # what mmengine's other loaders call by these names
    for function in (load_from_local, load_from_http, load_url, load_state_dict):
        setattr(checkpoint, function.__name__, function)


def _read(path: str, map_location: Any) -> dict[str, Any]:
    from eva_mm.safe_io.weights import read_weights

    content = read_weights(path, mapped=False, map_location=map_location)
    if isinstance(meta := content.get('meta'), dict):
        # text of a config that a resuming runner would run
        meta.pop('config', None)
    return content


def allow_checkpoints(_: ModuleType | None = None) -> None:
    """Allow-list what the checkpoints of a ``Runner`` contain, and nothing more.

    Defect: mmengine up to 0.10.7 calls ``torch.load`` without saying what its checkpoints contain. From torch 2.6 on
    that means ``weights_only=True``, and resuming or testing fails on the message hub's ``HistoryBuffer``.
    Gone when ``torch.load`` reads a checkpoint of ``Runner.save_checkpoint`` without this call.

    Safe loading stays on. Besides ``HistoryBuffer`` and numeric NumPy arrays and scalars, a checkpoint refers to the
    methods ``HistoryBuffer.min``, ``.max``, ... by a call of ``getattr``. Allowing ``getattr`` itself would hand a
    hostile file the way to any attribute of any allowed object, so that name is answered by
    :func:`_statistics_method`, which knows these methods only.
    """
    import numpy as np
    from mmengine.logging.history_buffer import HistoryBuffer
    from torch.serialization import add_safe_globals

    array_rebuild = np.zeros(0).__reduce__()[0]
    scalar_rebuild = np.float64(0).__reduce__()[0]
    allowed: list[Any] = [
        HistoryBuffer,
        (_statistics_method, 'builtins.getattr'),
        np.ndarray,
        np.dtype,
        # Unpickling a dtype sets the state of an instance of its own class.
        *{type(np.dtype(code)) for code in '?' + np.typecodes['AllInteger'] + 'efd'},
    ]
    for core in ('numpy.core', 'numpy._core'):  # the names NumPy 1 and 2 write into a pickle
        allowed.append((array_rebuild, f'{core}.multiarray._reconstruct'))
        allowed.append((scalar_rebuild, f'{core}.multiarray.scalar'))
    add_safe_globals(allowed)


def _statistics_method(owner: Any, name: str) -> Any:
    """``getattr`` for pickles, of the registered statistics of ``HistoryBuffer`` alone."""
    from pickle import UnpicklingError

    from mmengine.logging.history_buffer import HistoryBuffer

    HistoryBuffer()  # its first instance registers the statistics
    method = vars(HistoryBuffer).get(name) if owner is HistoryBuffer and isinstance(name, str) else None
    if method is None or method not in HistoryBuffer._statistics_methods.values():
        raise UnpicklingError(
            f'The file asks for the attribute {name!r} of {owner!r}, which no checkpoint of mmengine needs; '
            'do not load it unless you trust where it comes from.'
        )
    return method
