"""Which steps the report has, in order of worth. Nothing here imports torch."""

from dataclasses import dataclass

# what any model of eva_mm imports
BASE = ('torch', 'torchvision', 'mmengine', 'mmcv', 'cv2', 'addict', 'yapf', 'rich', 'termcolor')
SIZES = ('full', 'nano')
DEVICES = ('cuda', 'cpu')


@dataclass(frozen=True)
class Step:
    """One step of the report; the module ``gpu_steps.<name>`` runs it.

    Attributes:
        name: On the command line and in ``report.json``.
        title: Heading on the page.
        limit: Seconds after which its process is killed; what it has recorded until then is kept.
        packages: Modules without any of which the whole step is skipped. Cases may need more; a case whose package is
            missing is skipped by itself.
        needs: The same in words, and what single cases need.
    """

    name: str
    title: str
    limit: float
    packages: tuple[str, ...]
    needs: str


STEPS = (
    Step(
        'parity',
        'Backbones, necks and operators against fp32 on the CPU',
        90,
        BASE,
        'mmengine, mmcv-lite; EVA-CLIP: open_clip',
    ),
    Step(
        'training',
        'Nano training of every task against the CPU, ZeRO-1, resuming',
        140,
        BASE,
        'the host of each task: mmpretrain, mmdet, mmseg, mmaction2, open_clip; ZeRO-1: deepspeed',
    ),
    Step(
        'mim',
        "EVA-g's pre-training step, beside timm's",
        110,
        (*BASE, 'mmpretrain', 'open_clip', 'timm'),
        'mmpretrain, open_clip, timm; compiled: Triton and a C compiler; 60 GiB of device memory for all',
    ),
    Step(
        'detector',
        'EVA-g detector at 1024 and 1280 pixels',
        75,
        BASE,
        'mmengine, mmcv-lite; whole detector: mmdet; training step: 25 GiB of device memory',
    ),
    Step(
        'attention',
        'Attention: global with relative positions, windows, video',
        50,
        BASE,
        'mmengine, mmcv-lite',
    ),
)  # fmt: skip


def select(names: list[str] | None) -> list[Step]:
    """Steps by name, in the order of :data:`STEPS`; ``None`` means all."""
    return [step for step in STEPS if names is None or step.name in names]
