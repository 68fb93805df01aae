"""Training from the command line."""

from pathlib import Path

from mmengine.config import Config
from mmengine.device import get_device
from mmengine.runner import EpochBasedTrainLoop, Runner

from eva_mm.apis.class_names import check_class_names
from eva_mm.apis.config import check_data_folders, load_config
from eva_mm.apis.errors import UserError
from eva_mm.apis.log_to import log_to
from eva_mm.apis.options import TrainOptions
from eva_mm.apis.resume import choose_checkpoint
from eva_mm.apis.runner import build_runner
from eva_mm.apis.scaling import count_accumulation, shorten_warmup
from eva_mm.apis.weights import open_weights, start_from
from eva_mm.apis.work_dir import claim_work_dir
from eva_mm.engine.hooks.run_summary_hook import RunSummaryHook
from eva_mm.engine.long_run.defaults import add_long_run, type_name
from eva_mm.safe_io.weights import force_weights_only


def _use_amp(cfg: Config) -> None:
    if cfg.get('strategy') is not None:
        raise UserError(
            '--amp is for configs without a strategy: set strategy.fp16 or strategy.bf16 in this one instead.'
        )
    kind = type_name(cfg.optim_wrapper, 'OptimWrapper')
    if kind not in ('OptimWrapper', 'AmpOptimWrapper'):
        raise UserError(f'--amp works with OptimWrapper, this config has {kind}: set its precision in the config.')
    cfg.optim_wrapper.type = 'AmpOptimWrapper'
    cfg.optim_wrapper.setdefault('loss_scale', 'dynamic')


def _use_amp_of_device(cfg: Config) -> str | None:
    """On a CPU, bfloat16 in place of fp16 with a scaled loss; returns what to say of it."""
    if type_name(cfg.optim_wrapper) != 'AmpOptimWrapper' or get_device() != 'cpu':
        return None
    for key in ('loss_scale', 'dtype', 'use_fp16_params'):
        cfg.optim_wrapper.pop(key, None)
    cfg.optim_wrapper.type = 'eva_mm.CPUAmpOptimWrapper'
    return 'Mixed precision on this CPU: bfloat16 in place of fp16, and no loss scale.'


def _scale_lr(cfg: Config) -> None:
    if 'base_batch_size' not in cfg.get('auto_scale_lr', {}):
        raise UserError('--auto-scale-lr needs auto_scale_lr.base_batch_size in the config, which it lacks: set it.')
    cfg.auto_scale_lr.enable = True


def _drop_validation(cfg: Config) -> None:
    for key in ('val_cfg', 'val_dataloader', 'val_evaluator'):
        cfg[key] = None


def _set_start(cfg: Config, options: TrainOptions) -> str | None:
    """Where training starts: say in the config whether and from what it resumes.

    Returns:
        The weights that it starts from where it does not resume.
    """
    if options.load_from and ':' not in options.load_from and not Path(options.load_from).exists():
        raise UserError(f'--load-from: checkpoint not found: {options.load_from}.')
    if options.resume not in (None, 'auto'):
        if options.load_from:
            raise UserError('--load-from and --resume FILE exclude each other: pass one of them, or --resume alone.')
        if not Path(options.resume).exists():
            raise UserError(f'--resume: checkpoint not found: {options.resume} (pass one of the run).')
        cfg.resume, cfg.load_from = True, options.resume
        return None
    if cfg.get('resume') and not (options.load_from or options.resume):
        return None  # in the terms of mmengine its load_from, if there is one, is what is resumed
    weights, cfg.load_from = options.load_from or cfg.get('load_from'), None
    cfg.resume = bool(options.resume or cfg.get('resume'))
    return weights


def _check_batches(runner: Runner) -> None:
    """Refuse an epoch without a batch, which a data set smaller than a batch has with ``drop_last``."""
    loop = runner.train_loop
    if isinstance(loop, EpochBasedTrainLoop) and not len(loop.dataloader):
        raise UserError(
            f'The {len(loop.dataloader.dataset)} training samples do not fill one batch of '
            f'{loop.dataloader.batch_sampler.batch_size} per process, and train_dataloader.drop_last leaves them out: '
            'make the batch smaller with --cfg-options train_dataloader.batch_size=N.'
        )


def prepare_training(options: TrainOptions) -> Runner:
    """The runner that ``tools/train.py`` trains.

    Args:
        options: Those of ``eva-mm train``.

    Raises:
        UserError: Any of the options does not fit the config or names a missing file.
    """
    force_weights_only()
    cfg = load_config(
        options.config, cfg_options=options.cfg_options, work_dir=options.work_dir, data_root=options.data_root
    )
    cfg.launcher = options.launcher
    if not options.validate:
        _drop_validation(cfg)
    if options.amp:
        _use_amp(cfg)
    precision = _use_amp_of_device(cfg)
    if options.auto_scale_lr:
        _scale_lr(cfg)
    if options.seed is not None:
        cfg.setdefault('randomness', {})
        cfg.randomness.seed = options.seed
    if options.log_to:
        log_to(cfg, options.log_to)
    weights = _set_start(cfg, options)
    check_data_folders(cfg, ('train_dataloader', 'val_dataloader'))
    if not options.data_root:
        check_class_names(cfg, ('train_dataloader', 'val_dataloader'))
    # where a run that is resumed needs them not, they may be gone
    start = open_weights(weights, options.weights) if weights and not cfg.resume else None
    claim_work_dir(cfg)
    protection = add_long_run(cfg)
    runner = build_runner(cfg)
    for line in filter(None, (precision, protection)):
        runner.logger.info(line)
    if cfg.get('resume'):
        choose_checkpoint(runner)
    if weights and not runner._resume:
        start_from(runner, start or open_weights(weights, options.weights))
    runner.register_hook(RunSummaryHook())
    # built here, so that a wrong key of train_cfg or of a data set is found as wrong input and not as a defect
    _check_batches(runner)
    shorten_warmup(runner)
    count_accumulation(runner)
    return runner
