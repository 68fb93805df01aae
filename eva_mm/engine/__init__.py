"""What a training run is made of beside model and data: optimizer groups, schedules, DeepSpeed."""

from eva_mm.engine.data_parallel import EVADataParallel
from eva_mm.engine.deepspeed.strategy import EVADeepSpeedStrategy
from eva_mm.engine.hooks.class_frequency_hook import ClassFrequencyHook
from eva_mm.engine.hooks.compile_blocks_hook import CompileBlocksHook
from eva_mm.engine.hooks.fault_hook import FaultHook
from eva_mm.engine.hooks.feature_accuracy_hook import FeatureAccuracyHook
from eva_mm.engine.hooks.mask_annealing_hook import MaskAnnealingHook
from eva_mm.engine.hooks.run_summary_hook import RunSummaryHook
from eva_mm.engine.long_run.loss_guard import LossGuardHook
from eva_mm.engine.long_run.preemption import PreemptionHook
from eva_mm.engine.long_run.resumable_loops import ResumableEpochLoop, ResumableIterLoop
from eva_mm.engine.long_run.safe_checkpoint_hook import SafeCheckpointHook
from eva_mm.engine.long_run.step_seed import StepSeedHook
from eva_mm.engine.long_run.stream_loop import StreamTrainLoop
from eva_mm.engine.optim.cosine_schedule import EVACosineLR, EVACosineParamScheduler
from eva_mm.engine.optim.cpu_amp import CPUAmpOptimWrapper
from eva_mm.engine.optim.ema_hook import FP32EMAHook
from eva_mm.engine.optim.lamb import LAMB
from eva_mm.engine.optim.lars import LARS
from eva_mm.engine.optim.layer_decay import LayerDecayOptimWrapperConstructor
from eva_mm.engine.optim.tower_groups import TowerOptimWrapperConstructor

__all__ = [
    'CPUAmpOptimWrapper',
    'ClassFrequencyHook',
    'CompileBlocksHook',
    'EVACosineLR',
    'EVACosineParamScheduler',
    'EVADataParallel',
    'EVADeepSpeedStrategy',
    'FP32EMAHook',
    'FaultHook',
    'FeatureAccuracyHook',
    'LAMB',
    'LARS',
    'LayerDecayOptimWrapperConstructor',
    'LossGuardHook',
    'MaskAnnealingHook',
    'PreemptionHook',
    'ResumableEpochLoop',
    'ResumableIterLoop',
    'RunSummaryHook',
    'SafeCheckpointHook',
    'StepSeedHook',
    'StreamTrainLoop',
    'TowerOptimWrapperConstructor',
]
