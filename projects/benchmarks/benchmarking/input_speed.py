"""Input pipelines side by side on one thread, and where the time of ours goes."""

import argparse
import random
import statistics
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image

from benchmarking.choices import OURS
from benchmarking.input_pipelines import Steps, own_steps, torchvision_steps
from benchmarking.timing import in_turn, speed_ratios, timer
from eva_mm.apis import load_config
from eva_mm.safe_io.images import FORMATS

PEERS = ('torchvision', 'torchvision, uint8')


def _run(steps: Steps, numbers: Sequence[int]) -> None:
    random.seed(0), np.random.seed(0), torch.manual_seed(0)
    for number in numbers:
        value = number
        for _, step in steps:
            value = step(value)


def milliseconds_of_steps(steps: Steps, numbers: Sequence[int], clock: str) -> dict[str, float]:
    """Mean milliseconds of each step."""
    timed, seconds = timer('cpu', clock), defaultdict(list)
    for number in numbers:
        value = [number]
        for name, step in steps:
            seconds[name].append(timed(lambda: value.append(step(value.pop()))))  # noqa: B023 - called at once
    return {name: 1000 * statistics.mean(each) for name, each in seconds.items()}


def _describe(files: Sequence[Path]) -> dict[str, float]:
    pixels = []
    for file in files:
        with Image.open(file, formats=FORMATS) as image:
            pixels.append(image.width * image.height)
    return {
        'files': len(files),
        'mean_bytes': statistics.mean(file.stat().st_size for file in files),
        'mean_megapixels': statistics.mean(pixels) / 1e6,
    }


def measure(args: argparse.Namespace, folder: Path, files: Sequence[Path]) -> dict:
    """Seconds of every round, images/s of a core, cores for ``args.speed``, ratios, and the time of our steps."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    cfg = load_config(args.config)
    peers = {name: torchvision_steps(cfg, files, normalised=name == PEERS[0]) for name in PEERS}
    contenders = {OURS: own_steps(cfg, folder, files), **peers}
    numbers = [index % len(files) for index in range(args.images_per_round)]
    for steps in contenders.values():
        _run(steps, numbers[: len(files)])
    timed = timer('cpu', args.clock)
    works = {name: (lambda steps=steps: timed(lambda: _run(steps, numbers))) for name, steps in contenders.items()}
    seconds = in_turn(works, args.rounds)
    speeds = {name: len(numbers) / statistics.median(each) for name, each in seconds.items()}
    return {
        'images': _describe(files),
        'images_per_second': speeds,
        'cores': {name: args.speed / speed for name, speed in speeds.items()},
        'speed_ratio': speed_ratios(seconds, OURS),
        'own_milliseconds': milliseconds_of_steps(contenders[OURS], numbers, args.clock),
        'seconds': seconds,
    }
