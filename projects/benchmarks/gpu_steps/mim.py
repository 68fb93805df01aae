"""Step 3: EVA-g's pre-training step with the CLIP-L teacher in bf16, beside timm's EVA as the student.

Master weights and Adam's moments are fp32 and the matrices run under autocast, as ``benchmark_mim_step.py`` has it. One
student at a time is held, so that the peak of memory is that of a training of it.
"""

import argparse
import gc
import statistics
from argparse import Namespace
from collections.abc import Callable
from dataclasses import dataclass

import torch

from gpu_steps.recorder import SKIPPED, Recorder


@dataclass(frozen=True)
class Sizes:
    """What is measured at a size of the report."""

    arch: str
    teacher: str
    img_size: int
    batch_sizes: tuple[int, ...]
    rounds: int


SIZES = {
    'full': Sizes('giant', 'clip-l', 224, (64, 32), 6),
    'nano': Sizes('nano', 'nano', 56, (2,), 2),
}
# name in the report, student of benchmarking.mim_step, checkpointing; compiling takes longest and comes last
FORMS = (
    ('plain', 'eva_mm', False),
    ('timm', 'timm', False),
    ('selective checkpointing', 'eva_mm', 'selective'),
    ('compiled', 'eva_mm compiled', False),
)


def measure(
    student_name: str, with_cp: bool | str, batch_size: int, sizes: Sizes, device: str, teacher: Callable
) -> tuple[list[float], int]:
    """Seconds of each round, and the peak of memory in bytes with weights and optimizer."""
    from benchmarking.memory import peak_of
    from benchmarking.mim_step import TEACHERS, make_step, make_student
    from benchmarking.timing import timer

    from eva_mm.models.selfsup import MaskedFeatureHead

    shape = Namespace(arch=sizes.arch, img_size=sizes.img_size, device=device, with_cp=with_cp)
    images = torch.randn(batch_size, 3, sizes.img_size, sizes.img_size, device=device)
    patches = (sizes.img_size // 14) ** 2
    mask = (torch.arange(patches, device=device) < patches * 105 // 256).expand(batch_size, -1)
    student = make_student(student_name, shape)
    head = MaskedFeatureHead(student.mask_token.shape[-1], TEACHERS[sizes.teacher][2]).to(device)
    step = make_step(student, head, teacher, images, mask)
    # allocates Adam's moments, and compiles
    step()
    held = torch.cuda.memory_allocated() if device == 'cuda' else 0
    peak = held + peak_of(step, device)
    timed = timer(device)
    return [timed(step) for _ in range(sizes.rounds)], peak


def run(args: argparse.Namespace, recorder: Recorder) -> None:
    """A row for each form and batch."""
    from benchmarking.mim_step import count_operations, make_teacher, matrix_rate
    from benchmarking.timing import timer

    import eva_mm  # noqa: F401 - before any host

    sizes, device = SIZES[args.size], args.device
    rate = matrix_rate(device, timer(device))
    teacher = make_teacher(sizes.teacher, sizes.img_size, device)
    patches = (sizes.img_size // 14) ** 2
    for name, student, with_cp in FORMS:
        for batch_size in sizes.batch_sizes:
            case = f'{name}, batch {batch_size}'
            if name == 'compiled' and device == 'cpu':
                recorder.add(case, SKIPPED, message='compiling for a CPU takes a C++ compiler and minutes')
                continue
            counted = Namespace(arch=sizes.arch, teacher=sizes.teacher, batch_size=batch_size)
            flops = count_operations(counted, 1 + patches)
            with recorder.case(case):
                seconds, peak = measure(student, with_cp, batch_size, sizes, device, teacher)
                middle = statistics.median(seconds)
                recorder.add(
                    case, images_per_second=batch_size / middle, share_of_matrix_rate=flops / middle / rate,
                    matrix_tflops=rate / 1e12, milliseconds=1000 * middle, slowest=1000 * max(seconds), peak_bytes=peak,
                )  # fmt: skip
            gc.collect()
            if device == 'cuda':
                torch.cuda.empty_cache()
