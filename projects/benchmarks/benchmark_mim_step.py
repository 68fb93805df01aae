"""Speed, arithmetic efficiency and memory of EVA's pre-training step: student, teacher, loss, backward, AdamW.

    python projects/benchmarks/benchmark_mim_step.py --batch-size 64 --out eva-g_mim_step.json          # a GPU
    python projects/benchmarks/benchmark_mim_step.py --device cpu --arch nano --teacher nano --batch-size 2

Contenders run in turn in one process: ours, ours with compiled blocks, and timm's EVA as the student of the same head,
teacher and optimizer. The teacher is CLIP-L's tower with random weights, in the dtype of the step; its features cost
what they cost in training. Master weights and Adam's moments are fp32, as DeepSpeed keeps them, matrices run under
autocast. The share of the peak counts the operations of student and teacher, forward and backward, without
recomputation.
"""

import argparse
import json
import statistics
from pathlib import Path

NAMES = ('eva_mm', 'eva_mm compiled', 'timm')
TEACHERS = ('clip-l', 'nano')
HIDDEN_SHARE = 105 / 256


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--arch', default='giant')
    parser.add_argument('--teacher', choices=TEACHERS, default='clip-l')
    parser.add_argument('--img-size', type=int, default=224)
    parser.add_argument('--batch-size', type=int, default=64)
    parser.add_argument('--device', default='cuda')
    parser.add_argument('--contenders', nargs='+', choices=NAMES, default=list(NAMES))
    parser.add_argument(
        '--with-cp', nargs='?', const=True, default=False, choices=['selective'],
        help='activation checkpointing of our blocks, full or selective',
    )  # fmt: skip
    parser.add_argument('--peak-tflops', type=float, help="the device's matrix rate; measured if left out")
    parser.add_argument('--rounds', type=int, default=10)
    parser.add_argument('--out', type=Path, help='json file')
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    # after the arguments are known: torch and the hosts take seconds to import
    import torch
    from benchmarking.machine import describe
    from benchmarking.memory import peak_of
    from benchmarking.mim_step import TEACHERS as SIZES
    from benchmarking.mim_step import count_operations, make_step, make_student, make_teacher, matrix_rate
    from benchmarking.timing import in_turn, timer

    from eva_mm.models.selfsup import MaskedFeatureHead

    timed = timer(args.device)
    teacher = make_teacher(args.teacher, args.img_size, args.device)
    images = torch.randn(args.batch_size, 3, args.img_size, args.img_size, device=args.device)
    patches = (args.img_size // 14) ** 2
    mask = torch.zeros(args.batch_size, patches, dtype=torch.bool, device=args.device)
    mask[:, : round(patches * HIDDEN_SHARE)] = True
    steps, peaks = {}, {}
    for name in args.contenders:
        student = make_student(name, args)
        dims = student.mask_token.shape[-1]
        head = MaskedFeatureHead(dims, SIZES[args.teacher][2]).to(args.device)
        steps[name] = make_step(student, head, teacher, images, mask)
        # the first allocates Adam's moments and compiles
        steps[name]()
        peaks[name] = peak_of(steps[name], args.device)
    seconds = in_turn({name: (lambda step=step: timed(step)) for name, step in steps.items()}, args.rounds)
    flops, peak = count_operations(args, 1 + patches), (args.peak_tflops or 0) * 1e12 or matrix_rate(args.device, timed)
    report = {'machine': describe(args.device), 'flops': flops, 'matrix_rate': peak, 'contenders': {}}
    for name, values in seconds.items():
        middle = statistics.median(values)
        report['contenders'][name] = {
            'seconds': values,
            'images_per_second': args.batch_size / middle,
            'share_of_peak': flops / middle / peak,
            'peak_bytes_of_a_step': peaks[name],
        }
        print(
            f'{name:16s} {args.batch_size / middle:9.2f} images/s  {flops / middle / peak:6.1%} of '
            f'{peak / 1e12:.1f} TFLOP/s  {peaks[name] / 2**30:6.2f} GiB beyond weights and moments'
        )
    if args.out:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(json.dumps(report, indent=1) + '\n')


if __name__ == '__main__':
    main()
