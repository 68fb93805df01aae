"""Evaluation from the command line."""

import json
from pathlib import Path

from mmengine.config import Config, ConfigDict
from mmengine.hooks import PrepareTTAHook
from mmengine.runner import Runner

from eva_mm.apis.carried_config import forget_sources
from eva_mm.apis.class_names import check_class_names
from eva_mm.apis.config import check_data_folders, load_config
from eva_mm.apis.errors import UserError
from eva_mm.apis.options import TestOptions
from eva_mm.apis.runner import build_runner
from eva_mm.apis.weights import load_weights, open_weights, refuse_random_parts
from eva_mm.safe_io.weights import force_weights_only
from eva_mm.whole_file import whole_file


def _use_tta(cfg: Config) -> None:
    if 'tta_model' not in cfg or 'tta_pipeline' not in cfg:
        raise UserError('--tta needs tta_model and tta_pipeline in the config, which it lacks: choose another config.')
    dataset = cfg.test_dataloader.dataset
    while 'dataset' in dataset:
        dataset = dataset.dataset
    dataset.pipeline = cfg.tta_pipeline
    cfg.tta_model = ConfigDict(**cfg.tta_model, module=cfg.model)


def _show(cfg: Config, folder: str) -> None:
    """Let the host's own visualisation hook draw every prediction."""
    hook = cfg.default_hooks.get('visualization')
    if hook is None:
        raise UserError(
            '--show-dir needs default_hooks.visualization in the config, which it lacks: add the one of its host.'
        )
    if cfg.default_scope in ('mmpretrain', 'mmaction'):
        hook.update(enable=True, out_dir=folder)
    elif cfg.default_scope == 'mmseg':
        hook.draw = True
        cfg.visualizer.save_dir = folder
    else:
        hook.update(draw=True, test_out_dir=folder)


def _dump(cfg: Config, file: str) -> None:
    if not file.endswith(('.pkl', '.pickle')):
        raise UserError(f'--dump writes a pickle, got {file!r}: give a name that ends in .pkl.')
    evaluators = cfg.test_evaluator if isinstance(cfg.test_evaluator, (list, tuple)) else [cfg.test_evaluator]
    cfg.test_evaluator = [*evaluators, dict(type='DumpResults', out_file_path=file)]


def prepare_test(options: TestOptions) -> Runner:
    """The runner that ``tools/test.py`` tests, with its weights loaded.

    Args:
        options: Those of ``eva-mm test``.

    Raises:
        UserError: An option does not fit the config.
        FileNotFoundError: There is no such checkpoint.
        ValueError: The checkpoint is none, an unsafe one, or one of another model.
    """
    force_weights_only()
    cfg = load_config(
        options.config, cfg_options=options.cfg_options, work_dir=options.work_dir, data_root=options.data_root
    )
    cfg.launcher = options.launcher
    if cfg.get('test_dataloader') is None:
        raise UserError(f'{options.config} has no test_dataloader: name a config that evaluates.')
    if options.tta:
        _use_tta(cfg)
    if options.show_dir:
        _show(cfg, options.show_dir)
    if options.dump:
        _dump(cfg, options.dump)
    check_data_folders(cfg, ('test_dataloader',))
    if not options.data_root:
        check_class_names(cfg, ('test_dataloader',))
    cfg.strategy = cfg.load_from = None
    # what a checkpoint of the whole model overwrites anyway need not exist
    forget_sources(cfg.model)
    runner = build_runner(cfg)
    if options.tta:
        runner.register_hook(PrepareTTAHook(cfg.tta_model))
    report = load_weights(runner.model, open_weights(options.checkpoint, options.weights))
    refuse_random_parts(runner.model, options.checkpoint, report)
    return runner


def write_metrics(metrics: dict, file: str) -> None:
    """Write metrics as json, whole or not at all, making the folder if need be."""
    path = Path(file)
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as part:
        part.write_text(json.dumps(metrics, indent=2, default=float))
