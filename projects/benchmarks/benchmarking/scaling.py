"""Points of scaling curves, and their exponents."""

import argparse
import math
import multiprocessing
from dataclasses import replace

import torch

from benchmarking.choices import OURS, Shape
from benchmarking.contenders import build
from benchmarking.memory import peak_of
from benchmarking.steps import make_step
from benchmarking.timing import timer

QUANTITIES = {'seconds': 'seconds a step', 'peak_bytes': 'peak beyond weights'}


def exponent(xs: list[float], ys: list[float]) -> float:
    """Slope of the least-squares line through (log x, log y)."""
    logs = [(math.log(x), math.log(y)) for x, y in zip(xs, ys)]
    mean_x, mean_y = (sum(values) / len(logs) for values in zip(*logs))
    return sum((x - mean_x) * (y - mean_y) for x, y in logs) / sum((x - mean_x) ** 2 for x, _ in logs)


def point(shape: Shape, batch_size: int, args: argparse.Namespace, threads: int) -> dict[str, float]:
    """Seconds and peak bytes of one setting."""
    torch.set_num_threads(threads)
    dtype = getattr(torch, args.dtype)
    model = build(OURS, shape, args.device, dtype)
    images = torch.rand(batch_size, 3, shape.img_size, shape.img_size, device=args.device, dtype=dtype)
    step = make_step(model, images, args.mode)
    # the libraries' own buffers are no part of the model
    torch.rand(64, 64, device=args.device) @ torch.rand(64, 64, device=args.device)
    peak = peak_of(step, args.device)
    timed = timer(args.device)
    return {'seconds': min(timed(step) for _ in range(args.repeats)), 'peak_bytes': peak}


def curves(args: argparse.Namespace) -> dict[str, list[tuple[float, Shape, int]]]:
    """For each thing that varies: its value, the shape and the batch size of every point."""
    base = Shape(args.arch, args.depth, args.img_size, args.window_size)
    patch = 16 if args.window_size else 14
    return {
        'tokens': [((side // patch) ** 2, replace(base, img_size=side), 1) for side in args.img_sizes],
        'batch': [(batch, base, batch) for batch in args.batch_sizes],
        'depth': [(depth, replace(base, depth=depth), 1) for depth in args.depths],
    }


def measure(args: argparse.Namespace) -> dict:
    """All curves with their exponents."""
    report = {}
    for name, points in curves(args).items():
        report[name] = {'x': [x for x, _, _ in points], 'seconds': [], 'peak_bytes': [], 'exponent': {}}
        for _, shape, batch_size in points:
            with multiprocessing.get_context('spawn').Pool(1) as pool:
                found = pool.apply(point, (shape, batch_size, args, torch.get_num_threads()))
            for quantity in QUANTITIES:
                report[name][quantity].append(found[quantity])
        for quantity in QUANTITIES:
            report[name]['exponent'][quantity] = exponent(report[name]['x'], report[name][quantity])
    return report
