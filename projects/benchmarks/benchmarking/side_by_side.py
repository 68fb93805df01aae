"""Contenders in one process, run after run in turn; peak memory in a process each."""

import argparse
import multiprocessing
import statistics
from collections.abc import Callable

import torch

from benchmarking.choices import OURS
from benchmarking.contenders import build, plain_backbone
from benchmarking.matrix_rate import MatrixRate, arithmetic
from benchmarking.memory import peak_of
from benchmarking.steps import make_step
from benchmarking.timing import in_turn, speed_ratios, timer

COMPILED = f'{OURS} compiled'


def prepare(name: str, args: argparse.Namespace) -> Callable:
    """One step of a contender."""
    dtype = getattr(torch, args.dtype)
    model = build(name.removesuffix(' compiled'), args.shape, args.device, dtype)
    optimizer = torch.optim.AdamW(model.parameters(), fused=True) if args.optimizer else None
    images = torch.rand(args.batch_size, *args.shape.input_size, device=args.device, dtype=dtype)
    return make_step(torch.compile(model) if name == COMPILED else model, images, args.mode, optimizer)


def count(args: argparse.Namespace) -> tuple[int, MatrixRate]:
    """Operations of a step of the plain form, and its matrix products."""
    with torch.device('meta'):
        model = plain_backbone(args.shape)
        images = torch.empty(args.batch_size, *args.shape.input_size)
    flops, products = arithmetic(make_step(model, images, args.mode))
    return flops, MatrixRate(products, args.device, getattr(torch, args.dtype))


def measure_time(names: list[str], args: argparse.Namespace) -> dict:
    """Seconds of every round, images/s, ratios and the share of the machine's matrix rate."""
    timed = timer(args.device, args.clock)
    flops, rate = count(args)
    steps = {name: prepare(name, args) for name in names}
    for step in steps.values():
        step()
    works = {name: (lambda step=step: timed(step)) for name, step in steps.items()}
    seconds = in_turn({**works, 'matrices': lambda: rate.seconds(timed)}, args.rounds, args.minutes)
    matrix_seconds = seconds.pop('matrices')
    result = {'flops': flops, 'matrix_rate': rate.flops / statistics.median(matrix_seconds), 'seconds': seconds}
    result['images_per_second'] = {name: args.batch_size / statistics.median(s) for name, s in seconds.items()}
    result['flops_per_second'] = {name: flops / statistics.median(s) for name, s in seconds.items()}
    result['share_of_matrix_rate'] = {
        name: statistics.median(flops / own * matrix / rate.flops for own, matrix in zip(s, matrix_seconds))
        for name, s in seconds.items()
    }
    result['speed_ratio'] = speed_ratios(seconds, OURS)
    return result


def _peak(name: str, args: argparse.Namespace) -> int:
    torch.set_num_threads(args.threads)
    step = prepare(name, args)
    # the libraries' own buffers are no part of the model
    torch.rand(64, 64, device=args.device) @ torch.rand(64, 64, device=args.device)
    return peak_of(step, args.device)


def measure_memory(names: list[str], args: argparse.Namespace) -> dict[str, int]:
    """Peak bytes beyond the weights of each contender."""
    args.threads = torch.get_num_threads()
    peaks = {}
    for name in names:
        with multiprocessing.get_context('spawn').Pool(1) as pool:
            peaks[name] = pool.apply(_peak, (name, args))
    return peaks


def show(report: dict) -> None:
    """Print the table."""
    time, peaks = report.get('time'), report.get('peak_bytes', {})
    if time:
        print(f'{time["flops"] / 1e12:.3f} TFLOP a step; matrix products alone {time["matrix_rate"] / 1e9:.1f} GFLOP/s')
    for name in report['contenders']:
        line = f'{name:18s}'
        if time:
            line += f'{time["images_per_second"][name]:10.3f} images/s'
            line += f' {time["flops_per_second"][name] / 1e9:10.1f} GFLOP/s'
            line += f' {time["share_of_matrix_rate"][name]:6.1%} of matrix rate'
            if name != OURS:
                line += f'   ours x {time["speed_ratio"][name]:.3f}'
        if peaks:
            line += f' {peaks[name] / 2**20:10.0f} MiB beyond weights'
            if name != OURS:
                line += f'   ours x {peaks[OURS] / peaks[name]:.3f}'
        print(line)
