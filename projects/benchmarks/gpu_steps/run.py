"""Runs one step in this process: ``python -m gpu_steps.run STEP --device D --size S --rows FILE --scratch DIR``."""

import argparse
from importlib import import_module
from pathlib import Path

from gpu_steps.plan import DEVICES, SIZES, STEPS
from gpu_steps.recorder import Recorder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('step', choices=[step.name for step in STEPS])
    parser.add_argument('--device', choices=DEVICES, required=True)
    parser.add_argument('--size', choices=SIZES, required=True)
    parser.add_argument('--rows', type=Path, required=True, help='JSON lines to append to')
    parser.add_argument('--scratch', type=Path, required=True, help='directory for data and checkpoints')
    args = parser.parse_args()
    import_module(f'gpu_steps.{args.step}').run(args, Recorder(args.rows))


if __name__ == '__main__':
    main()
