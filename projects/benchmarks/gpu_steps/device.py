"""Prints as JSON the machine, and why the device cannot be used if it cannot: ``python -m gpu_steps.device DEVICE``."""

import json
import sys

import torch
from benchmarking.machine import describe


def main() -> None:
    device = sys.argv[1]
    problem = None
    if device == 'cuda' and not torch.cuda.is_available():
        build = 'the CPU' if torch.version.cuda is None else f'CUDA {torch.version.cuda}'
        problem = f'no CUDA device is available (torch is built for {build})'
    usable = 'cpu' if problem else device
    machine = describe(usable)
    # that of the report
    del machine['command'], machine['load_average']
    if usable == 'cuda':
        properties = torch.cuda.get_device_properties(0)
        machine['gpu_gib'] = round(properties.total_memory / 2**30, 1)
        machine['compute_capability'] = f'{properties.major}.{properties.minor}'
        machine['cuda'] = torch.version.cuda
    print(json.dumps({'problem': problem, 'machine': machine}))


if __name__ == '__main__':
    main()
