"""The nano configs and what makes them train for a few iterations on ``training_data``."""

from dataclasses import dataclass
from pathlib import Path

# images of a batch: small, since what is compared does not depend on it
BATCH = 4


@dataclass(frozen=True)
class Task:
    """A nano config.

    Attributes:
        name: In the report; the config is ``configs/nano/<name>.py``.
        data: Directory of its training data below ``data/nano``.
        packages: Modules that it needs beside those of the step.
        by_epoch: Whether its length is told in epochs.
        options: Further ``--cfg-options``: no weights to start from.
        in_nano: Whether it is part of the report at nano size, which has one config a task.
    """

    name: str
    data: str
    packages: tuple[str, ...]
    by_epoch: bool
    options: tuple[str, ...] = ('model.backbone.init_cfg=None',)
    in_nano: bool = True

    @property
    def config(self) -> str:
        """Path from the root of the repository."""
        return f'configs/nano/{self.name}.py'


_LABELLED = ('mmpretrain',)
_DETECTION = ('mmdet', 'matplotlib', 'scipy', 'pycocotools', 'shapely')
# no PyAV: a transform of this report opens arrays
_VIDEO = ('train_dataloader.dataset.pipeline.0.type=ArrayVideo', 'model.backbone.init_cfg=None')
_FINETUNED_VIDEO = (*_VIDEO, 'model.cls_head.start_from=None', 'optim_wrapper.accumulative_counts=1')
_NO_TOWERS = ('model.visual.init_cfg=None', 'train_dataloader.dataset.shuffle_buffer=8')

TASKS = (
    Task('pretrain', 'unlabelled', ('mmpretrain', 'open_clip'), True, ()),
    Task('classification', 'imagenet', _LABELLED, True, ('model.backbone.init_cfg=None', 'custom_hooks=[]')),
    Task('detection', 'coco/', _DETECTION, False),
    Task('segmentation', 'ade', ('mmseg', *_DETECTION, 'ftfy', 'regex'), False),
    Task('video', 'kinetics', ('mmaction', 'scipy', 'einops'), True, _VIDEO),
    Task('clip', 'clip', ('mmpretrain', 'open_clip', 'webdataset'), False, _NO_TOWERS),
    Task('classification_linear', 'imagenet', _LABELLED, True, in_nano=False),
    Task('detection_lvis', 'coco/', (*_DETECTION, 'lvis'), False, in_nano=False),
    Task('video_finetune', 'kinetics', ('mmaction', 'scipy', 'einops'), True, _FINETUNED_VIDEO, in_nano=False),
)
# the pre-training under ZeRO-1, on one rank
ZERO = Task('pretrain_deepspeed', 'unlabelled', ('mmpretrain', 'open_clip', 'deepspeed'), True, ())


def options_of(task: Task, data: Path, teacher: Path, iterations: int) -> list[str]:
    """``--cfg-options`` that shorten a config; the schedule of learning rates is left out."""
    rate = 'optim_wrapper.optimizer.lr=' + ('1.0' if task.name == 'classification_linear' else '5e-4')
    length = 'train_cfg.max_epochs=1' if task.by_epoch else f'train_cfg.max_iters={iterations}'
    options = [
        f'train_dataloader.dataset.data_root={data / task.data}' + ('/' if task.data.endswith('/') else ''),
        f'train_dataloader.batch_size={BATCH}',
        'train_dataloader.num_workers=0',
        'train_dataloader.persistent_workers=False',
        'val_cfg=None',
        'val_dataloader=None',
        'val_evaluator=None',
        'param_scheduler=None',
        'default_hooks.logger.interval=1',
        # nothing is saved
        'default_hooks.checkpoint.by_epoch=False',
        'default_hooks.checkpoint.interval=-1',
        'default_hooks.checkpoint.save_last=False',
        rate,
        length,
        *task.options,
    ]
    if task.data == 'unlabelled':
        options.append(f'model.target_generator.model=local-dir:{teacher}')
    if task.data == 'kinetics':
        options.append(f'train_dataloader.dataset.metainfo.classes={data / "kinetics" / "classes.txt"}')
    return options
