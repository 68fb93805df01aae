"""The downstream tasks of the nano world, in the order of the report."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Task:
    """One downstream task: trained from the MIM backbone and from scratch, otherwise equally.

    Attributes:
        name: Key in the report, argument of ``make study``, module of its pictures.
        title: For people.
        config: Config of the short schedule.
        metric: Key of the validation metric in mmengine's log.
        metric_title: For people.
        seconds: About how long one training takes on two cores.
        study_seconds: The same for the longer schedule of ``make study``.
        study_options: ``--cfg-options`` of the longer schedule.
        checkpoint_option: Key of the config that names the MIM weights.
        scratch_options: ``--cfg-options`` that take the MIM weights away.
    """

    name: str
    title: str
    config: str
    metric: str
    metric_title: str
    seconds: float
    study_seconds: float
    study_options: tuple[str, ...] = ()
    checkpoint_option: str = 'model.backbone.init_cfg.checkpoint'
    scratch_options: tuple[str, ...] = ('model.backbone.init_cfg=None',)


TASKS: dict[str, Task] = {
    task.name: task
    for task in (
        Task(
            name='classification',
            title='Image classification, 200 labelled images',
            config='configs/nano/classification.py',
            metric='accuracy/top1',
            metric_title='top-1 (%)',
            seconds=30,
            study_seconds=60,
            study_options=('train_cfg.max_epochs=60', 'train_cfg.val_interval=10'),
        ),
    )
}
