"""What every training run gets, whatever host its config is of, in the config's own terms."""

from collections.abc import Mapping
from typing import Any

from mmengine.config import Config, ConfigDict

from eva_mm.engine.long_run.best import best_metric

KEY = 'long_run'
# part of `long_run` in a config -> for people
PARTS = {
    'exact_resume': 'exact resumption after any iteration',
    'checkpoints': 'complete-or-absent checkpoints',
    'preemption': 'save and exit with code 75 on SIGTERM and SIGUSR1',
    'loss_guard': 'non-finite losses and weights kept out',
    'faults': 'broken samples replaced and listed',
}
_LOOPS = {'EpochBasedTrainLoop': 'eva_mm.ResumableEpochLoop', 'IterBasedTrainLoop': 'eva_mm.ResumableIterLoop'}
_RESUMABLE = (*_LOOPS.values(), 'eva_mm.StreamTrainLoop')


def add_long_run(cfg: Config) -> str:
    """Give a config what a long run needs, as loop, checkpoint hook and custom hooks that anybody can read in it.

    A config turns parts off, or sets their options, by a key of its own, for instance
    ``long_run = dict(loss_guard=None, faults=dict(policy='refuse'))``; ``long_run = None`` turns off all. What a config
    has of its own is kept: a hook that is there already, a loop or a checkpoint hook of another type.

    Args:
        cfg: A whole config; changed in place.

    Returns:
        One line on what the run has and what not.

    Raises:
        ValueError: The key names an unknown part.
    """
    wanted = _wanted(cfg)
    missing: dict[str, str] = {name: 'off in the config' for name in PARTS if wanted[name] is None}
    if cfg.get('train_cfg') is None:  # evaluation alone
        if wanted['faults'] is not None:
            _add_hook(cfg, 'eva_mm.FaultHook', wanted['faults'])
        return f'{KEY}: {PARTS["faults"] if wanted["faults"] is not None else "nothing"}.'
    if wanted['exact_resume'] is not None and (why := _use_resumable_loop(cfg)):
        missing['exact_resume'] = why
    if wanted['exact_resume'] is not None:
        _add_hook(cfg, 'eva_mm.StepSeedHook', wanted['exact_resume'])
    if wanted['checkpoints'] is not None and (why := _use_safe_checkpoints(cfg, wanted['checkpoints'])):
        missing['checkpoints'] = why
    if wanted['preemption'] is not None:
        if 'checkpoints' in missing:
            missing['preemption'] = 'it needs the checkpoints'
        else:
            _add_hook(cfg, 'eva_mm.PreemptionHook', wanted['preemption'])
    if wanted['loss_guard'] is not None:
        _add_hook(cfg, 'eva_mm.LossGuardHook', wanted['loss_guard'])
    if wanted['faults'] is not None:
        _add_hook(cfg, 'eva_mm.FaultHook', wanted['faults'])
    present = '; '.join(text for name, text in PARTS.items() if name not in missing)
    absent = '; '.join(f'{name} ({why})' for name, why in missing.items())
    return f'long_run: {present or "nothing"}{f". Without {absent}" if absent else ""}.'


def _wanted(cfg: Config) -> dict[str, dict | None]:
    given = cfg.get(KEY, {})
    given = dict.fromkeys(PARTS) if given is None else dict(given)
    unknown = given.keys() - PARTS.keys()
    if unknown:
        raise ValueError(f'{KEY} has the key {min(unknown)!r}, which is unknown: choose from {", ".join(PARTS)}.')
    for name, options in given.items():
        if options is not None and not isinstance(options, Mapping):
            raise ValueError(f'{KEY}.{name} is {options!r}: expected a dict of options, or None to turn it off.')
    return {name: given.get(name, {}) for name in PARTS}


def type_name(part: Mapping, default: str = '') -> str:
    """The ``type`` of a part of a config, with the scope of eva_mm alone; it may be a class."""
    name = part.get('type', default)
    name = name if isinstance(name, str) else getattr(name, '__name__', str(name))
    return name if name.startswith('eva_mm.') else name.split('.')[-1]


def _use_resumable_loop(cfg: Config) -> str | None:
    loop = cfg.train_cfg
    default = '' if 'by_epoch' not in loop else ('EpochBasedTrainLoop' if loop.by_epoch else 'IterBasedTrainLoop')
    name = type_name(loop, default)
    if name in _LOOPS:
        loop.pop('by_epoch', None)
        loop.type = _LOOPS[name]
        return None
    return None if name in _RESUMABLE else f'train_cfg.type is {name}'


def _use_safe_checkpoints(cfg: Config, options: dict) -> str | None:
    if not cfg.get('default_hooks'):
        cfg.default_hooks = {}
    hook = cfg.default_hooks.get('checkpoint', dict(type='CheckpointHook', interval=1))
    if hook is None:
        return 'default_hooks.checkpoint is None'
    name = type_name(hook)
    if name == 'CheckpointHook' and '://' in str(hook.get('out_dir')):
        return f'{hook["out_dir"]} is not a local directory'
    if name not in ('CheckpointHook', 'eva_mm.SafeCheckpointHook'):
        return f'default_hooks.checkpoint.type is {name}'
    given = {**hook, **options}
    best = {} if 'save_best' in given else best_metric(cfg)
    cfg.default_hooks.checkpoint = ConfigDict({**given, **best, 'type': 'eva_mm.SafeCheckpointHook'})
    return None


def _add_hook(cfg: Config, name: str, options: dict[str, Any]) -> None:
    hooks = list(cfg.get('custom_hooks') or ())
    if not any(isinstance(hook, Mapping) and type_name(hook) == name for hook in hooks):
        hooks.append(dict(options, type=name))
    cfg.custom_hooks = hooks
