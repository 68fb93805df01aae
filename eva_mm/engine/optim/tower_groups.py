"""Learning rates and layer decay for each tower of a model with several."""

from collections.abc import Callable

from torch import nn

from eva_mm.engine.optim.layer_decay import LayerDecayOptimWrapperConstructor
from eva_mm.registry import OPTIM_WRAPPER_CONSTRUCTORS

TOWER_OPTIONS = ('lr_mult', 'layer_decay_rate')


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class TowerOptimWrapperConstructor(LayerDecayOptimWrapperConstructor):
    """:class:`LayerDecayOptimWrapperConstructor` with a learning rate and a layer decay of its own for each tower.

    The parent's rules of weight decay hold for all towers. Source: the optimizer of the EVA-CLIP release
    (``rei/training/optim.py``), which has visual, text and other rates.

    Args:
        optim_wrapper_cfg: Optimizer wrapper config; ``optimizer.lr`` is the rate of what is in no tower.
        paramwise_cfg: The parent's options without ``layer_decay_rate`` and ``first_layer_keys``, and ``towers``:
            ``{prefix: dict(lr_mult=, layer_decay_rate=)}``, both 1 by default. The longest prefix of a parameter's name
            counts.

    Raises:
        ValueError: As the parent; also for a prefix that no parameter has, and an unknown option of a tower.
    """

    def _validate_cfg(self) -> None:
        self.towers = self.paramwise_cfg.pop('towers', {})
        for prefix, options in self.towers.items():
            unknown = sorted(set(options) - set(TOWER_OPTIONS))
            if unknown:
                raise ValueError(
                    f'paramwise_cfg.towers[{prefix!r}] has the unknown option {unknown[0]!r}; '
                    f'the options are {", ".join(TOWER_OPTIONS)}.'
                )
        super()._validate_cfg()

    def _layer_rule(self, model: nn.Module) -> Callable[[str], tuple[int | None, float]]:
        names = [name for name, _ in model.named_parameters()]
        for prefix in self.towers:
            if not any(name.startswith(prefix) for name in names):
                raise ValueError(
                    f'paramwise_cfg.towers names {prefix!r}, but no parameter of {type(model).__name__} '
                    'begins so: give for instance "visual.".'
                )

        def rule(name: str) -> tuple[int | None, float]:
            prefix = max((prefix for prefix in self.towers if name.startswith(prefix)), key=len, default=None)
            options = self.towers.get(prefix, {})
            rate, lr_mult = options.get('layer_decay_rate', 1.0), options.get('lr_mult', 1.0)
            if rate == 1.0:
                return None, lr_mult
            depth, depths = model.get_layer_depth(name)
            return depth, lr_mult * rate ** (depths - depth - 1)

        return rule
