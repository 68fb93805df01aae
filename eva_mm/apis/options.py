"""Options of training, testing and inference, as the command line or a program passes them."""

from dataclasses import dataclass, field
from typing import Any

from eva_mm.apis.option_values import parse_value
from eva_mm.errors import UserError


@dataclass(frozen=True)
class RunOptions:
    """What every run of a config has.

    Attributes:
        config: Config file.
        data_root: Directory of a user's own data in the format of the task.
        work_dir: Of logs and results; ``None``: the config's own, or ``work_dirs/<name of the file>``.
        cfg_options: Keys of the config that are overridden, ``{'a.b': value}``.
        launcher: ``'none'``, ``'pytorch'``, ``'slurm'`` or ``'mpi'``.
        weights: ``'raw'`` or ``'averaged'`` of a checkpoint that holds both, see
            :func:`eva_mm.checkpoint.unwrap.choose_weights`.
    """

    config: str
    data_root: str | None = None
    work_dir: str | None = None
    cfg_options: dict[str, Any] = field(default_factory=dict)
    launcher: str = 'none'
    weights: str = 'auto'


@dataclass(frozen=True)
class TrainOptions(RunOptions):
    """What a training run has.

    Attributes:
        resume: ``'auto'``: the newest checkpoint of the work directory; or a checkpoint; ``None``: a new run.
        load_from: A checkpoint whose weights a new run starts from.
        amp: Mixed precision.
        validate: Validate during training.
        auto_scale_lr: Scale the learning rate by batch / ``auto_scale_lr.base_batch_size``.
        log_to: Names of :data:`eva_mm.apis.log_to.BACKENDS`.
        seed: Of everything random.
    """

    resume: str | None = None
    load_from: str | None = None
    amp: bool = False
    validate: bool = True
    auto_scale_lr: bool = False
    log_to: tuple[str, ...] = ()
    seed: int | None = None


@dataclass(frozen=True)
class TestOptions(RunOptions):
    """What an evaluation has.

    Attributes:
        checkpoint: A file, or a DeepSpeed directory.
        dump: Pickle file of all predictions.
        show_dir: Where pictures of the predictions go.
        tta: Use the config's test-time augmentation.
    """

    __test__ = False  # not a test, whatever pytest thinks of its name

    checkpoint: str = ''
    dump: str | None = None
    show_dir: str | None = None
    tta: bool = False


@dataclass(frozen=True)
class InferOptions:
    """What inference from the command line has; see :func:`eva_mm.apis.build_inferencer`.

    Attributes:
        model: A task, a name, a config or a checkpoint.
        inputs: A checkpoint or none, then what to look at.
        out: Directory of the results.
        pictures: Draw predictions.
        random_weights: Take no checkpoint.
    """

    model: str
    inputs: list[str]
    out: str | None = None
    task: str | None = None
    text_labels: list[str] | None = None
    templates: list[str] | None = None
    topk: int | None = None
    score_thr: float | None = None
    zoom: int | None = None
    data_root: str | None = None
    batch_size: int = 1
    device: str | None = None
    amp: bool = False
    frames: int = 8
    pictures: bool = True
    weights_dir: str | None = None
    weights: str = 'auto'
    random_weights: bool = False
    cfg_options: dict[str, Any] = field(default_factory=dict)


def parse_cfg_options(pairs: list[str] | None) -> dict[str, Any]:
    """``['a.b=1', 'c=[x,y]']`` to ``{'a.b': 1, 'c': ['x', 'y']}``; see :func:`eva_mm.apis.option_values.parse_value`.

    Raises:
        UserError: A pair has no ``=``.
    """
    options = {}
    for pair in pairs or ():
        key, equals, value = pair.partition('=')
        if not equals or not key:
            raise UserError(f'--cfg-options got {pair!r}, expected KEY=VALUE, for instance train_cfg.max_epochs=10.')
        options[key] = parse_value(value)
    return options
