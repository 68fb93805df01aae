"""Write a config for your own data: python tools/misc/new_config.py [options]; what is not given is asked for."""

import argparse
import sys

from eva_mm.tasks import TASKS

RECIPES = {name: task.recipes for name, task in TASKS.items() if task.recipes}
SIZES = tuple(dict.fromkeys(size for recipes in RECIPES.values() for size in recipes))


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Look at your data and write a short config that inherits a shipped one and says why.'
    )
    parser.add_argument('--task', choices=list(RECIPES))
    parser.add_argument('--size', choices=SIZES, help='size of the model')
    parser.add_argument('--data-root', help='your data in the format of the task, as for tools/train.py')
    parser.add_argument('--gpu-memory', type=float, help='GiB of one GPU')
    parser.add_argument('--gpus', type=int, help='how many GPUs')
    parser.add_argument('--out', help='the config to write, for instance my_config.py')
    return parser.parse_args()


def ask(args: argparse.Namespace) -> None:
    """Ask for every option that was not given.

    Raises:
        ValueError: Nobody can be asked, or the answer is not what was asked for.
    """
    questions = dict(
        task=(str, f'Task ({", ".join(RECIPES)}): '),
        size=(str, 'Size of the model ({sizes}): '),
        data_root=(str, 'Folder of your data: '),
        gpu_memory=(float, 'Memory of one GPU in GiB: '),
        gpus=(int, 'Number of GPUs: '),
        out=(str, 'Config to write: '),
    )
    for name, (kind, question) in questions.items():
        if getattr(args, name) is None:
            if not sys.stdin.isatty():
                raise ValueError(f'--{name.replace("_", "-")} is missing and there is no terminal to ask: give it.')
            setattr(args, name, kind(input(question.format(sizes=', '.join(RECIPES.get(args.task, SIZES)))).strip()))


def main() -> None:
    args = parse_args()
    from eva_mm.apis import fail_in_one_sentence

    with fail_in_one_sentence():
        ask(args)
        from eva_mm.apis.planning.new_config import make_config

        made = make_config(args.task, args.size, args.data_root, args.gpu_memory, args.gpus)
        made.write(args.out)
    print('\n'.join(made.reasons))
    print(f'Written: {args.out}. Next: python tools/train.py {args.out}')


if __name__ == '__main__':
    main()
