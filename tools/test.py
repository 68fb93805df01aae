"""Evaluate a checkpoint of any task: python tools/test.py CONFIG CHECKPOINT [options]."""

import argparse
import os


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Evaluate a checkpoint with its config; it may be one of our runs or a released EVA file.'
    )
    parser.add_argument('config', help='config file')
    parser.add_argument('checkpoint', help='checkpoint file, or a DeepSpeed checkpoint folder')
    parser.add_argument('--data-root', help='your own data in the format of the task, with its own classes')
    parser.add_argument('--work-dir', help='where logs and metrics go (default: work_dirs/<config name>)')
    parser.add_argument('--out', help='write the metrics to this json file')
    parser.add_argument('--dump', help='write all predictions to this pickle file')
    parser.add_argument('--show-dir', help='write pictures of the predictions to this folder of the work dir')
    parser.add_argument('--tta', action='store_true', help="use the config's test-time augmentation")
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
    from eva_mm.process import begin_rank

    begin_rank()
    # after the arguments are known: the hosts take seconds to import
    from eva_mm.apis import end_in_one_sentence, fail_in_one_sentence
    from eva_mm.apis.test import prepare_test, write_metrics

    with fail_in_one_sentence():
        runner = prepare_test(args)
    with end_in_one_sentence():
        metrics = runner.test()
        if args.out:
            write_metrics(metrics, args.out)


if __name__ == '__main__':
    main()
