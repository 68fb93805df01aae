"""Train any task: python tools/train.py CONFIG [options]."""

import argparse
import os


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Train any task from its config, for instance configs/nano/pretrain.py.'
    )
    parser.add_argument('config', help='config file')
    parser.add_argument('--data-root', help='your own data in the format of the task, with its own classes')
    parser.add_argument('--work-dir', help='where logs and checkpoints go (default: work_dirs/<config name>)')
    parser.add_argument(
        '--resume',
        nargs='?',
        const='auto',
        help='resume from the latest checkpoint of the work dir, or from the one given; without it a work dir '
        'that holds checkpoints is refused',
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
    parser.add_argument(
        '--cfg-options', nargs='+', metavar='KEY=VALUE', help='override keys of the config, as a.b=c or a="[x,y]"'
    )
    parser.add_argument('--launcher', choices=['none', 'pytorch', 'slurm', 'mpi'], default='none')
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0, help=argparse.SUPPRESS)
    args = parser.parse_args()
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    return args


def main() -> None:
    args = parse_args()
    from eva_mm.process import begin_training

    begin_training()
    # after the arguments are known: the hosts take seconds to import
    from eva_mm.apis import end_in_one_sentence, fail_in_one_sentence
    from eva_mm.apis.config import check_starting_weights
    from eva_mm.apis.train import prepare_training

    with fail_in_one_sentence():
        runner = prepare_training(args)
        check_starting_weights(runner.cfg)
    with end_in_one_sentence('go on with --resume from the last checkpoint, which is kept'):
        runner.train()


if __name__ == '__main__':
    main()
