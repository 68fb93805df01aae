"""``eva-mm test`` and ``tools/test.py``."""

import argparse

from eva_mm.cli.run_options import add_run_options, take_local_rank

DESCRIPTION = 'Evaluate a checkpoint with its config; it may be one of your runs or a released file.'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of an evaluation."""
    parser.add_argument('config', help='config file, or the name of a shipped one (eva-mm list)')
    parser.add_argument('checkpoint', help='checkpoint file, or a DeepSpeed checkpoint directory')
    add_run_options(parser)
    parser.add_argument('--out', help='write the metrics to this json file')
    parser.add_argument('--dump', help='write all predictions to this pickle file')
    parser.add_argument('--show-dir', help='write pictures of the predictions to this folder of the work directory')
    parser.add_argument('--tta', action='store_true', help="use the config's test-time augmentation")


def run(args: argparse.Namespace) -> None:
    """Evaluate."""
    from eva_mm.process import begin_rank

    begin_rank()
    take_local_rank(args)
    from eva_mm.apis.errors import run_errors, user_errors
    from eva_mm.apis.options import TestOptions, parse_cfg_options
    from eva_mm.apis.test import prepare_test, write_metrics

    with user_errors():
        options = TestOptions(
            config=args.config,
            checkpoint=args.checkpoint,
            data_root=args.data_root,
            work_dir=args.work_dir,
            cfg_options=parse_cfg_options(args.cfg_options),
            launcher=args.launcher,
            weights=args.weights,
            dump=args.dump,
            show_dir=args.show_dir,
            tta=args.tta,
        )
        runner = prepare_test(options)
    with run_errors():
        metrics = runner.test()
        if args.out:
            write_metrics(metrics, args.out)
