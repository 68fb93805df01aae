"""What a training run holds beside its activations under each ZeRO stage, and how long it takes.

Sources: the state that each ZeRO stage shards is arXiv 1910.02054, the buffers are those of DeepSpeed 0.19's
``zero_optimization`` options.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import nn

from eva_mm.apis.planning.memory import StepMemory

STAGES = (0, 1, 2, 3)
SECONDS_PER_DAY = 86400
# DeepSpeed 0.19: elements of the buffer that gradients are reduced in, and weights that stage 3 keeps gathered
_BUCKET, _LIVE_PARAMETERS = 5e8, 1e9


@dataclass(frozen=True)
class Weights:
    """Numbers of parameters and what is held beside them.

    Args:
        trained: Parameters with a gradient.
        frozen: Other parameters of the model.
        teacher: Parameters of a frozen fp32 teacher that is outside the model, as :class:`eva_mm.CLIPTeacher` is.
    """

    trained: int
    frozen: int = 0
    teacher: int = 0

    @classmethod
    def of(cls, model: nn.Module, teacher: int = 0) -> 'Weights':
        """Count those of a model; it may be on the meta device."""
        trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
        return cls(trained, sum(p.numel() for p in model.parameters()) - trained, teacher)


@dataclass(frozen=True)
class StageMemory:
    """Bytes on one GPU at the moments that can be the peak.

    Args:
        moments: Name of a moment to its items and their bytes.
    """

    moments: dict[str, dict[str, float]]

    @property
    def peak_moment(self) -> str:
        """Name of the moment with the most bytes."""
        return max(self.moments, key=lambda name: sum(self.moments[name].values()))

    @property
    def parts(self) -> dict[str, float]:
        """Items of that moment."""
        return self.moments[self.peak_moment]

    @property
    def peak(self) -> float:
        """Bytes of that moment."""
        return sum(self.parts.values())


def _buffers(stage: int, weights: Weights, gpus: int, value: int, half: bool, options: Mapping) -> dict[str, float]:
    """What communication holds during the backward pass."""
    bucket = float(options.get('reduce_bucket_size', _BUCKET))
    if not stage:
        # DDP keeps buckets of all gradients, DeepSpeed's stage 0 flattens one bucket at a time
        held = min(weights.trained, bucket) if half else weights.trained
        return {'buffer of reduced gradients': value * held if gpus > 1 else 0}
    overlap = options.get('overlap_comm')
    copies = 2 if (stage == 3 if overlap is None else overlap) else 1
    buffers = {'buffer of reduced gradients': copies * value * bucket}
    if stage == 3:
        live = float(options.get('stage3_max_live_parameters', _LIVE_PARAMETERS))
        buffers['gathered weights'] = value * min(weights.trained + weights.frozen, live)
    return buffers


def memory_of_stage(
    stage: int,
    weights: Weights,
    step: StepMemory,
    gpus: int,
    precision: str,
    *,
    options: Mapping | None = None,
) -> StageMemory:
    """Memory of one GPU with AdamW under a ZeRO stage.

    Stage 0 holds everything; stage 1 shards the fp32 weights and the two moments, stage 2 also the gradients, stage 3
    also the weights. In half precision the fp32 weights are an extra copy; under DDP the model's own are fp32.

    Args:
        stage: 0 to 3.
        weights: See :class:`Weights`.
        step: A forward and a backward pass of the batch of one GPU.
        gpus: N, over how many the state is sharded.
        precision: Of ``step``, see :class:`eva_mm.apis.planning.memory.StepMeasurement`.
        options: DeepSpeed's ``zero_optimization``, for the sizes of its buffers.
    """
    half = precision == 'half'
    value = 2 if half else 4
    weights_by, gradients_by, state_by = {0: (1, 1, 1), 1: (1, 1, gpus), 2: (1, gpus, gpus), 3: (gpus,) * 3}[stage]
    fixed = {
        'weights': value * (weights.trained + weights.frozen) / weights_by,
        'optimizer state': (12 if half or stage else 8) * weights.trained / state_by,
        'teacher': 4 * weights.teacher,
    }
    kept, working, made = step.peak(value / gradients_by)
    # the step casts its share of half precision gradients to fp32
    cast = (4 if half else 0) * weights.trained / state_by
    return StageMemory(
        {
            # autocast holds half precision weights of the teacher while it runs
            'teacher': fixed
            | {
                'activations': step.forward,
                'half precision teacher': 2 * weights.teacher if precision != 'fp32' else 0,
            },
            'backward pass': fixed
            | _buffers(stage, weights, gpus, value, half, options or {})
            | {'activations': kept, 'backward step': working, 'gradients': made},
            'optimizer step': fixed | {'gradients': value * weights.trained / gradients_by, 'fp32 gradients': cast},
        }
    )


def days_to_train(flops: float, gpus: int, peak_tflops: float, mfu: float) -> float:
    """Days for this many operations at a share ``mfu`` of the peak of so many GPUs.

    Raises:
        ValueError: A number is not positive, or ``mfu`` exceeds 1.
    """
    if min(flops, gpus, peak_tflops, mfu) <= 0 or mfu > 1:
        raise ValueError(
            f'Days need positive numbers and 0 < mfu <= 1, got {gpus} GPUs of {peak_tflops} TFLOP/s and mfu={mfu}.'
        )
    return flops / (gpus * peak_tflops * 1e12 * mfu) / SECONDS_PER_DAY
