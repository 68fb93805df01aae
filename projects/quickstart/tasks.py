"""The downstream tasks of the nano world, in the order of the report."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Task:
    """One downstream task: trained from the MIM backbone and from scratch, otherwise equally.

    Attributes:
        name: Key in the report, argument of ``make study``.
        title: For people.
        config: Config of the short schedule.
        metric: Key of the validation metric in mmengine's log.
        metric_title: For people.
        seconds: About how long one training takes on one core.
        study_seconds: The same for the longer schedule of ``make study``.
        study_options: ``--cfg-options`` of the longer schedule.
        checkpoint_option: Key of the config that names the MIM weights.
        scratch_options: ``--cfg-options`` that take the MIM weights away.
        full_size: The paper's own config of the task, below ``configs``.
        pictures: Module of ``pictures`` that draws the task; default: its name.
        quick: Whether ``make quickstart`` runs it unless asked for others.
    """

    name: str
    title: str
    config: str
    metric: str
    metric_title: str
    seconds: float
    study_seconds: float
    full_size: str
    study_options: tuple[str, ...] = ()
    checkpoint_option: str = 'model.backbone.init_cfg.checkpoint'
    scratch_options: tuple[str, ...] = ('model.backbone.init_cfg=None',)
    pictures: str = ''
    quick: bool = True


def _iterations(number: int) -> tuple[str, ...]:
    """A schedule of this length, evaluated and saved at its end."""
    return (
        f'train_cfg.max_iters={number}',
        f'train_cfg.val_interval={number}',
        f'param_scheduler.1.end={number}',
        f'default_hooks.checkpoint.interval={number}',
    )


TASKS: dict[str, Task] = {
    task.name: task
    for task in (
        Task(
            name='classification',
            title='Image classification, 200 labelled images',
            config='configs/nano/classification.py',
            full_size='classification/eva-g-p14_in21k-pre_in1k-336px.py',
            metric='accuracy/top1',
            metric_title='top-1 (%)',
            seconds=35,
            study_seconds=70,
            study_options=('train_cfg.max_epochs=60', 'train_cfg.val_interval=20'),
            # the release freezes the patch embedding in fine-tuning; from scratch it has to learn
            scratch_options=('model.backbone.init_cfg=None', 'model.backbone.patch_grad_scale=1.0'),
        ),
        Task(
            name='linear_probe',
            title='Linear probe, 200 labelled images',
            config='configs/nano/classification_linear.py',
            full_size='classification/eva-g-p14_clip-pre_linear_in1k-224px.py',
            metric='accuracy/top1',
            metric_title='top-1 (%)',
            seconds=20,
            study_seconds=20,
            pictures='classification',
        ),
        Task(
            name='detection',
            title='Detection and instance segmentation, Cascade Mask R-CNN',
            config='configs/nano/detection.py',
            full_size='detection/cascade-mask-rcnn_eva-g-p16_lsj-1280_coco.py',
            metric='coco/bbox_mAP_50',
            metric_title='box AP50',
            seconds=145,
            study_seconds=145,
            study_options=('model.backbone.patch_grad_scale=1.0',),
            scratch_options=('model.backbone.init_cfg=None', 'model.backbone.patch_grad_scale=1.0'),
        ),
        Task(
            name='detection_lvis',
            title='Detection on LVIS annotations: federated loss, repeat factors',
            config='configs/nano/detection_lvis.py',
            full_size='detection/cascade-mask-rcnn_eva-g-p16_lsj-1280_lvis.py',
            metric='lvis/bbox_AP50',
            metric_title='box AP50',
            seconds=230,
            study_seconds=230,
            study_options=('model.backbone.patch_grad_scale=1.0',),
            scratch_options=('model.backbone.init_cfg=None', 'model.backbone.patch_grad_scale=1.0'),
            pictures='detection',
            quick=False,
        ),
        Task(
            name='segmentation',
            title='Semantic segmentation, ViT-Adapter and Mask2Former',
            config='configs/nano/segmentation.py',
            full_size='segmentation/mask2former_eva-g-p16-adapter_ade20k-896px.py',
            metric='mIoU',
            metric_title='mIoU (%)',
            seconds=80,
            study_seconds=300,
            study_options=_iterations(800),
        ),
        Task(
            name='video',
            title='Video, classes that no single frame tells apart',
            config='configs/nano/video.py',
            full_size='video/eva-g-p14_16f-224_k400.py',
            metric='acc/top1',
            metric_title='top-1 (%)',
            seconds=80,
            study_seconds=300,
            study_options=('train_cfg.max_epochs=10', 'train_cfg.val_interval=10'),
        ),
        Task(
            name='clip',
            title='EVA-CLIP, zero-shot on held-out digits',
            config='configs/nano/clip.py',
            full_size='clip/eva-clip-g-p14_laion400m-224px.py',
            metric='zero-shot/top1',
            metric_title='zero-shot top-1 (%)',
            seconds=90,
            study_seconds=130,
            study_options=(
                'train_cfg.max_iters=250',
                'train_cfg.val_interval=250',
                'default_hooks.checkpoint.interval=250',
            ),
            checkpoint_option='model.visual.init_cfg.checkpoint',
            scratch_options=('model.visual.init_cfg=None',),
        ),
    )
}
