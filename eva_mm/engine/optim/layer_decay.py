"""Layer-wise learning-rate decay and weight-decay groups, for the models of every host."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from mmengine.logging import print_log
from mmengine.optim import DefaultOptimWrapperConstructor, OptimWrapper
from torch import nn

from eva_mm.engine.optim.optimizer_kernel import keep_kernel
from eva_mm.registry import OPTIM_WRAPPER_CONSTRUCTORS

OPTIONS = (
    'layer_decay_rate',
    'norm_decay_mult',
    'bias_decay_mult',
    'flat_decay_mult',
    'custom_keys',
    'first_layer_keys',
)
CUSTOM_OPTIONS = ('lr_mult', 'decay_mult')
NORM_LAYERS = (nn.modules.batchnorm._NormBase, nn.GroupNorm, nn.LayerNorm)


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class LayerDecayOptimWrapperConstructor(DefaultOptimWrapperConstructor):
    """Group parameters by learning rate and weight decay.

    A parameter of depth ``d`` out of ``n`` gets ``lr * layer_decay_rate ** (n - 1 - d)``. The depth
    is asked of ``model.get_layer_depth(name)`` or, where the model has no such method (mmdet,
    mmseg, mmaction), of ``model.backbone.get_layer_depth(name, 'backbone.')``; both return
    ``(d, n)`` with ``n`` = blocks + 2, as in mmpretrain. Parameters with ``requires_grad=False``
    are left out and a shared parameter is taken once. There is one group per distinct depth,
    learning rate and weight decay (84 for EVA-g, not one for each of its 528 parameters), which
    keeps ZeRO's partitions few.

    Source of the rules: ``optim_factory.py`` (classification, pre-training), ``solver/build.py``
    (detection), ``layer_decay_optimizer_constructor.py`` (segmentation) and ``optimizer.py``
    (video) of the EVA-01 release.

    Args:
        optim_wrapper_cfg: config of the optimizer wrapper, its ``optimizer`` with an ``lr``.
        paramwise_cfg: any of

            - ``layer_decay_rate``: 1.0, the default, switches layer decay off; depths are then
              not asked for.
            - ``norm_decay_mult``, ``bias_decay_mult``, ``flat_decay_mult``: factors on the weight
              decay of normalisation layers, of parameters called ``bias`` and of 1-D parameters,
              in this order of precedence.
            - ``custom_keys``: ``{key: dict(lr_mult=, decay_mult=)}``, both 1 by default. The
              longest key that occurs in ``.`` + parameter name wins and, as in mmengine, replaces
              the three factors above. A leading dot anchors a key: ``.pos_embed`` matches
              ``pos_embed`` and ``backbone.pos_embed`` but not ``decoder_pos_embed``.
            - ``first_layer_keys``: parameters or modules that get depth 0 wherever they lie.

    Raises:
        ValueError: an unknown option, a missing ``lr`` or ``weight_decay``, a key of
            ``first_layer_keys`` that names nothing, a model that cannot tell depths, or one
            without trainable parameters.
    """

    def __init__(self, optim_wrapper_cfg: dict, paramwise_cfg: dict | None = None) -> None:
        # With an empty paramwise_cfg mmengine skips `add_params` and optimizes frozen parameters.
        super().__init__(optim_wrapper_cfg, {'layer_decay_rate': 1.0, **(paramwise_cfg or {})})

    def __call__(self, model: nn.Module) -> OptimWrapper:
        """Build optimizer and wrapper; what a checkpoint holds does not change the optimizer's kernel."""
        optim_wrapper = super().__call__(model)
        keep_kernel(optim_wrapper.optimizer)
        return optim_wrapper

    def _validate_cfg(self) -> None:
        _check_options('paramwise_cfg', self.paramwise_cfg, OPTIONS)
        custom_keys = self.paramwise_cfg.get('custom_keys', {})
        if not isinstance(custom_keys, dict):
            raise ValueError(f'paramwise_cfg.custom_keys must be a dict, but it is {custom_keys!r}.')
        for key, options in custom_keys.items():
            _check_options(f'paramwise_cfg.custom_keys[{key!r}]', options, CUSTOM_OPTIONS)
        if self.base_lr is None:
            raise ValueError('The optimizer config needs an `lr` to scale for each group.')
        scales_decay = any(option.endswith('decay_mult') for option in self.paramwise_cfg) or any(
            'decay_mult' in options for options in custom_keys.values()
        )
        if scales_decay and self.base_wd is None:
            raise ValueError('The optimizer config needs a `weight_decay` for paramwise_cfg to scale.')

    def add_params(self, params: list[dict], module: nn.Module, **kwargs: Any) -> None:
        """Fill ``params`` with the parameter groups of ``module``, the model, and log a summary."""
        layer_of = self._layer_rule(module)
        groups: dict[tuple, list[nn.Parameter]] = defaultdict(list)
        for name, param, owner in _trainable_parameters(module):
            custom = self._custom_options(name)
            depth, lr_scale = layer_of(name)
            lr_scale *= (custom or {}).get('lr_mult', 1.0)
            weight_decay = self._weight_decay(name, param, owner, custom)
            groups[depth, lr_scale, weight_decay].append(param)
        if not groups:
            raise ValueError(
                f'No parameter of {type(module).__name__} has requires_grad=True, so there is nothing to optimize.'
            )
        for (_, lr_scale, weight_decay), members in groups.items():
            group = {'params': members, 'lr': self.base_lr * lr_scale, 'lr_scale': lr_scale}
            if weight_decay is not None:
                group['weight_decay'] = weight_decay
            params.append(group)
        print_log(_summary(groups), logger='current')

    def _layer_rule(self, model: nn.Module) -> Callable[[str], tuple[int | None, float]]:
        """Return the function from a parameter's name to (depth, learning-rate scale)."""
        first_layer_keys = self.paramwise_cfg.get('first_layer_keys', ())
        _check_first_layer_keys(model, first_layer_keys)
        rate = self.paramwise_cfg['layer_decay_rate']
        if rate == 1.0:
            return lambda name: (None, 1.0)
        ask_depth = _depth_function(model)

        def rule(name: str) -> tuple[int, float]:
            depth, num_layers = ask_depth(name)
            if any(_is_part_of(name, key) for key in first_layer_keys):
                depth = 0
            return depth, rate ** (num_layers - depth - 1)

        return rule

    def _custom_options(self, name: str) -> dict | None:
        custom_keys = self.paramwise_cfg.get('custom_keys', {})
        matching = [key for key in sorted(custom_keys) if key in f'.{name}']
        return custom_keys[max(matching, key=len)] if matching else None

    def _weight_decay(self, name: str, param: nn.Parameter, owner: nn.Module, custom: dict | None) -> float | None:
        if self.base_wd is None:
            return None
        if custom is not None:
            return self.base_wd * custom.get('decay_mult', 1.0)
        applies = {
            'norm_decay_mult': isinstance(owner, NORM_LAYERS),
            'bias_decay_mult': name.rpartition('.')[2] == 'bias',
            'flat_decay_mult': param.ndim == 1,
        }
        for option, condition in applies.items():
            if condition and option in self.paramwise_cfg:
                return self.base_wd * self.paramwise_cfg[option]
        return self.base_wd


def _check_options(where: str, options: Any, allowed: Sequence[str]) -> None:
    if not isinstance(options, dict):
        raise ValueError(f'{where} must be a dict with any of {", ".join(allowed)}, but it is {options!r}.')
    unknown = sorted(set(options) - set(allowed))
    if unknown:
        raise ValueError(f'{where} has the unknown option {unknown[0]!r}; the options are {", ".join(allowed)}.')


def _check_first_layer_keys(model: nn.Module, keys: Sequence[str]) -> None:
    names = [name for name, _ in model.named_parameters()]
    for key in keys:
        if not any(_is_part_of(name, key) for name in names):
            raise ValueError(
                f'first_layer_keys names {key!r}, but {type(model).__name__} has no parameter or module of this name.'
            )


def _is_part_of(name: str, key: str) -> bool:
    return name == key or name.startswith(f'{key}.')


def _depth_function(model: nn.Module) -> Callable[[str], tuple[int, int]]:
    if hasattr(model, 'get_layer_depth'):
        return model.get_layer_depth
    backbone = getattr(model, 'backbone', None)
    if hasattr(backbone, 'get_layer_depth'):
        return lambda name: backbone.get_layer_depth(name, 'backbone.')
    raise ValueError(
        f'Layer decay asks the backbone for `get_layer_depth`, but {type(backbone).__name__} of '
        f'{type(model).__name__} has none; use an EVA backbone or set layer_decay_rate=1.0.'
    )


def _trainable_parameters(model: nn.Module) -> Iterator[tuple[str, nn.Parameter, nn.Module]]:
    """Yield (name, parameter, module that owns it), a shared parameter only at its first place."""
    seen = set()
    for prefix, owner in model.named_modules():
        for name, param in owner.named_parameters(recurse=False):
            if param.requires_grad and id(param) not in seen:
                seen.add(id(param))
                yield f'{prefix}.{name}' if prefix else name, param, owner


def _summary(groups: dict[tuple, list[nn.Parameter]]) -> str:
    """One line per depth and learning-rate scale: how many tensors have which weight decay."""
    rows: dict[tuple, list[str]] = defaultdict(list)
    sizes: dict[tuple, int] = defaultdict(int)
    for (depth, lr_scale, weight_decay), members in groups.items():
        decay = 'the default' if weight_decay is None else f'{weight_decay:g}'
        rows[depth, lr_scale].append(f'{len(members)} x {decay}')
        sizes[depth, lr_scale] += sum(param.numel() for param in members)
    lines = [
        f'{len(groups)} parameter groups:',
        f'{"depth":>6}{"lr scale":>14}{"elements":>16}  tensors x weight decay',
    ]
    for (depth, lr_scale), decays in rows.items():
        shown = '-' if depth is None else depth
        lines.append(f'{shown:>6}{lr_scale:>14.6g}{sizes[depth, lr_scale]:>16,}  {", ".join(decays)}')
    return '\n'.join(lines)
