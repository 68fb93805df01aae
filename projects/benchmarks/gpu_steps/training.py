"""Step 2: nano training of every task on the device, plain and in mixed precision, beside the same on the CPU.

Weights, batches and random numbers are those of the CPU's run, so losses differ by rounding and what follows from it.
"""

import argparse
import json
import multiprocessing
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec
from multiprocessing.connection import wait
from pathlib import Path

from gpu_steps.recorder import BEYOND, OK, SKIPPED, Recorder
from gpu_steps.training_data import write_data
from gpu_steps.training_tasks import BATCH, TASKS, ZERO, Task, options_of

ITERATIONS = {'full': 20, 'nano': 2}
HOSTS = ('mmpretrain', 'mmdet', 'mmseg', 'mmaction')
# a loss near 0 is not divided by itself
SMALLEST = 0.1
# of the first iteration, before any weight has changed, and of all; a detector's samples follow from its scores, and
# after 20 iterations in fp16 on a CPU its loss is off by 0.12
BOUNDS = {'plain': (1e-3, 2e-2), 'amp': (2e-2, 0.25), 'resumed': (1e-3, 2e-2)}


def error_of(losses: list[float], reference: list[float]) -> list[float]:
    """Relative difference of each loss."""
    return [abs(own - other) / max(abs(other), SMALLEST) for own, other in zip(losses, reference, strict=True)]


def record(
    recorder: Recorder, case: str, run: str, losses: list[float], reference: list[float], bound: str, start: int = 0
) -> None:
    """A row that compares two runs; NaN is beyond every bound."""
    errors, (first, whole) = error_of(losses, reference), BOUNDS[bound]
    fine = errors[0] <= first and all(error <= whole for error in errors)
    recorder.add(
        case, OK if fine else BEYOND, run=run, first_error=errors[0], worst_error=max(errors), first_bound=first,
        bound=whole, iterations=len(losses), start=start, first_loss=losses[0], last_loss=losses[-1], losses=losses,
        reference=reference,
    )  # fmt: skip


def make_teacher(folder: Path) -> None:
    """A CLIP of the nano size with random weights, as open_clip reads it."""
    import open_clip
    import torch

    config = dict(
        embed_dim=64,
        vision_cfg=dict(image_size=84, layers=1, width=32, head_width=16, patch_size=14),
        text_cfg=dict(context_length=8, vocab_size=64, width=16, heads=2, layers=1),
    )
    folder.mkdir()
    (folder / 'open_clip_config.json').write_text(json.dumps({'model_cfg': config, 'preprocess_cfg': {}}))
    torch.manual_seed(0)
    torch.save(open_clip.CLIP(**config).state_dict(), folder / 'open_clip_pytorch_model.bin')


def _resumed(train: Callable[..., list[float]], folder: Path, options: list[str], iterations: int) -> tuple[list, list]:
    """Losses of a whole run and of one that goes on from its middle."""
    middle = iterations // 2
    saving = [*options, f'default_hooks.checkpoint.interval={middle}', 'default_hooks.checkpoint.max_keep_ckpts=-1']
    whole = train(saving, folder / 'whole')
    return whole, train(saving, folder / 'resumed', resume=str(folder / 'whole' / f'iter_{middle}.pth'))


def compare_task(task: Task, args: argparse.Namespace, recorder: Recorder) -> None:
    """All runs of one task."""
    import eva_mm  # noqa: F401 - before any host
    from gpu_steps.training_run import join_as_only_rank, train

    iterations = ITERATIONS[args.size]
    teacher, folder = args.scratch / 'teacher', args.scratch / task.name
    options = options_of(task, args.scratch / 'data', teacher, iterations)
    if task.data == 'unlabelled':
        make_teacher(folder.with_suffix('.teacher'))
        options[-1] = f'model.target_generator.model=local-dir:{folder.with_suffix(".teacher")}'
    zero = task is ZERO or task.name == ZERO.name
    launcher = 'none'
    # ZeRO-1 is compared with the plain pre-training
    with recorder.case(task.name, run='reference'):
        reference = train(TASKS[0].config if zero else task.config, options, folder / 'reference', 'cpu')
        if zero:
            join_as_only_rank()
            launcher = 'pytorch'
        device = args.device

        def on_device(own: list[str], work_dir: Path, amp: bool = False, resume: str | None = None) -> list[float]:
            return train(task.config, own, work_dir, device, amp=amp, launcher=launcher, resume=resume)

        with recorder.case(task.name, run='plain'):
            record(recorder, task.name, 'plain', on_device(options, folder / 'plain'), reference, 'plain')
        with recorder.case(task.name, run='amp'):
            if zero:
                half = on_device([*options, 'strategy.bf16.enabled=True'], folder / 'amp')
            else:
                half = on_device(options, folder / 'amp', amp=True)
            record(recorder, task.name, 'amp', half, reference, 'amp')
        if task.data == 'unlabelled':
            with recorder.case(task.name, run='resumed'):
                whole, rest = _resumed(on_device, folder, options, iterations)
                middle = iterations // 2
                record(recorder, task.name, 'resumed', rest, whole[middle:], 'resumed', middle)
    shutil.rmtree(folder, ignore_errors=True)


def _in_child(task: Task, args: argparse.Namespace, file: Path, threads: int) -> None:
    import torch

    torch.set_num_threads(threads)
    compare_task(task, args, Recorder(file))


def run(args: argparse.Namespace, recorder: Recorder) -> None:
    """Run tasks side by side, each in a process of its own, so that a crash loses one."""
    write_data(args.scratch / 'data', BATCH * ITERATIONS[args.size])
    waiting = []
    for task in (*TASKS, ZERO):
        missing = [name for name in task.packages if find_spec(name) is None]
        if missing:
            recorder.add(task.name, SKIPPED, run='all', message=f'missing: {", ".join(missing)}')
        elif args.size == 'nano' and not task.in_nano:
            recorder.add(task.name, SKIPPED, run='all', message='left out at nano size')
        else:
            waiting.append(task)
    # a process that has asked for CUDA cannot fork; without, forks share what is imported
    context = multiprocessing.get_context('spawn' if args.device == 'cuda' else 'fork')
    if args.device == 'cpu':
        preload(waiting)
    cores = os.cpu_count() or 1
    jobs = max(1, min(len(waiting), cores // 2 if args.device == 'cuda' else cores))
    running: dict[int, tuple] = {}
    while waiting or running:
        while waiting and len(running) < jobs:
            task = waiting.pop(0)
            child = context.Process(target=_in_child, args=(task, args, args.rows, max(1, cores // jobs)))
            child.start()
            running[child.sentinel] = task, child
        for sentinel in wait(list(running)):
            task, child = running.pop(sentinel)
            child.join()
            if child.exitcode:
                recorder.add(task.name, 'failed', run='all', message=f'its process ended with {child.exitcode}')


def preload(tasks: list[Task]) -> None:
    """Import in this process what its forks need; what cannot be imported is reported by the task that needs it."""
    import eva_mm  # noqa: F401 - before any host

    for package in sorted({package for task in tasks for package in task.packages}):
        with suppress(ImportError):
            import_module(f'{package}.models' if package in HOSTS else package)
    import_module('gpu_steps.training_run')
