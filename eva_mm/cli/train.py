"""``eva-mm train`` and ``tools/train.py``."""

import argparse

from eva_mm.cli.run_options import add_run_options, take_local_rank

DESCRIPTION = 'Train any task from its config, for instance configs/nano/pretrain.py.'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of a training run."""
    parser.add_argument('config', help='config file, or the name of a shipped one (eva-mm list)')
    add_run_options(parser)
    parser.add_argument(
        '--resume',
        nargs='?',
        const='auto',
        help='resume from the newest checkpoint of the work directory, or from the one given; without it a work '
        'directory that holds checkpoints is refused',
    )
    parser.add_argument('--load-from', help='start from the weights of this checkpoint')
    parser.add_argument('--amp', action='store_true', help='mixed precision')
    parser.add_argument('--no-validate', action='store_true', help='no validation during training')
    parser.add_argument(
        '--auto-scale-lr', action='store_true', help='scale the learning rate by batch / auto_scale_lr.base_batch_size'
    )
    parser.add_argument(
        '--log-to', nargs='+', metavar='NAME', help='also write metrics to tensorboard, wandb or mlflow, or several'
    )
    parser.add_argument('--seed', type=int, help='seed of everything random')


def run(args: argparse.Namespace) -> None:
    """Train."""
    from eva_mm.process import begin_training

    begin_training()
    take_local_rank(args)
    from eva_mm.apis.config import check_starting_weights
    from eva_mm.apis.errors import run_errors, user_errors
    from eva_mm.apis.options import TrainOptions, parse_cfg_options
    from eva_mm.apis.train import prepare_training

    with user_errors():
        options = TrainOptions(
            config=args.config,
            data_root=args.data_root,
            work_dir=args.work_dir,
            cfg_options=parse_cfg_options(args.cfg_options),
            launcher=args.launcher,
            weights=args.weights,
            resume=args.resume,
            load_from=args.load_from,
            amp=args.amp,
            validate=not args.no_validate,
            auto_scale_lr=args.auto_scale_lr,
            log_to=tuple(args.log_to or ()),
            seed=args.seed,
        )
        runner = prepare_training(options)
        check_starting_weights(runner.cfg)
    with run_errors('resume with --resume from the last checkpoint, which is kept'):
        runner.train()
