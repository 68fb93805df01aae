"""``eva-mm plan`` and ``tools/analysis_tools/plan_training.py``."""

import argparse
from pathlib import Path

from eva_mm.cli.run_options import add_cfg_options

DESCRIPTION = """\
What a training run will need: parameters, FLOPs, memory of each ZeRO stage, days.

    eva-mm plan configs/pretrain/eva-g-p14_mim-clip-l_merged30m-224px.py \\
        --gpus 128 --gpu-memory 40 --images-per-epoch 29663232 --days 14.5 \\
        --cfg-options model.backbone.attn_fp32=True

is the published run of EVA (128 A100-40GB, ZeRO-1 in fp16, about 26.5 GB and 14.5 days for 150 epochs), whose attention
computed fp32 logits. Nothing is trained, downloaded or computed: the model of the config, heads included, runs a
forward and a backward pass on tensors without data, and what is alive at a time is added up. What losses, workspaces
and fragmentation need comes on top. GiB are those of nvidia-smi, without the CUDA context (about half a GiB).
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What a plan depends on."""
    parser.add_argument('config', help='config of a training run')
    parser.add_argument('--gpus', type=int, required=True, help='number of GPUs in all')
    parser.add_argument('--gpu-memory', type=float, required=True, help='GiB of one')
    parser.add_argument('--batch', type=int, help="images on one GPU (default: the config's)")
    parser.add_argument('--image-size', type=int, nargs='+', help='pixels, or frames and pixels (default: as built)')
    parser.add_argument('--images-per-epoch', type=int, help='needed for days where the config counts epochs')
    parser.add_argument('--mfu', type=float, default=0.3, help='share of the peak that is reached (default: 0.3)')
    parser.add_argument('--peak-tflops', type=float, default=312, help='of one GPU (default: A100 in half precision)')
    parser.add_argument('--days', type=float, help='also print the MFU that this many days mean')
    add_cfg_options(parser)


def run(args: argparse.Namespace) -> None:
    """Print the plan."""
    from eva_mm.apis.config import load_config
    from eva_mm.apis.errors import user_errors
    from eva_mm.apis.options import parse_cfg_options
    from eva_mm.apis.planning.plan import plan_training

    with user_errors():
        plan = plan_training(
            load_config(args.config, cfg_options=parse_cfg_options(args.cfg_options)),
            args.gpus,
            batch_size=args.batch,
            image_size=args.image_size,
            images_per_epoch=args.images_per_epoch,
        )
        print(Path(args.config).name)
        print(plan.describe(args.gpu_memory))
        print(plan.describe_days(args.peak_tflops, args.mfu, args.days))
