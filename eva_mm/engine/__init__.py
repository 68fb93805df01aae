"""What a training run is made of beside model and data: optimizer groups, schedules, DeepSpeed."""

from eva_mm.engine.broken_image_hook import BrokenImageHook
from eva_mm.engine.class_frequency_hook import ClassFrequencyHook
from eva_mm.engine.compile_blocks_hook import CompileBlocksHook
from eva_mm.engine.cosine_schedule import EVACosineLR, EVACosineParamScheduler
from eva_mm.engine.deepspeed_strategy import EVADeepSpeedStrategy
from eva_mm.engine.ema_hook import FP32EMAHook
from eva_mm.engine.lars import LARS
from eva_mm.engine.layer_decay import LayerDecayOptimWrapperConstructor
from eva_mm.engine.loss_guard_hook import LossGuardHook
from eva_mm.engine.preemption_hook import PreemptionHook
from eva_mm.engine.resumable_loops import ResumableEpochLoop, ResumableIterLoop
from eva_mm.engine.run_summary_hook import RunSummaryHook
from eva_mm.engine.safe_checkpoint_hook import SafeCheckpointHook
from eva_mm.engine.step_seed_hook import StepSeedHook
from eva_mm.engine.stream_loop import StreamTrainLoop
from eva_mm.engine.tower_groups import TowerOptimWrapperConstructor
from eva_mm.engine.unreadable_video_hook import UnreadableVideoHook

__all__ = [
    'BrokenImageHook',
    'ClassFrequencyHook',
    'CompileBlocksHook',
    'EVACosineLR',
    'EVACosineParamScheduler',
    'EVADeepSpeedStrategy',
    'FP32EMAHook',
    'LARS',
    'LayerDecayOptimWrapperConstructor',
    'LossGuardHook',
    'PreemptionHook',
    'ResumableEpochLoop',
    'ResumableIterLoop',
    'RunSummaryHook',
    'SafeCheckpointHook',
    'StepSeedHook',
    'StreamTrainLoop',
    'TowerOptimWrapperConstructor',
    'UnreadableVideoHook',
]
