"""--data-root from the folder to the metrics: every task trains two steps, and its checkpoint is tested."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from torch import nn

from eva_mm.apis.options import TestOptions, TrainOptions, parse_cfg_options
from eva_mm.apis.test import prepare_test
from eva_mm.apis.train import prepare_training

NANO = Path(__file__).parents[2] / 'configs' / 'nano'
CLASSES = ('cat', 'dog', 'emu')
LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')
LIGHT = ['model.backbone.init_cfg=None', 'default_hooks.logger.interval=1'] + [
    f'{loader}.{option}' for loader in LOADERS for option in ('num_workers=0', 'persistent_workers=False')
]
TWO_ITERATIONS = ['train_cfg.max_iters=2', 'train_cfg.val_interval=2', 'default_hooks.checkpoint.interval=2']
ONE_EPOCH = [
    'train_cfg.max_epochs=1',
    'train_cfg.val_interval=1',
    'default_hooks.checkpoint.interval=1',
    'param_scheduler.warmup_epochs=0',
]


def _batch(size: int) -> str:
    return f'train_dataloader.batch_size={size}'


# task -> folder, options, checkpoint, metric, sizes of the training and validation sets
TASKS = {
    'classification': ('class_folders', [*ONE_EPOCH, _batch(4)], 'epoch_1', 'accuracy/top1', (9, 2)),
    'detection': ('coco', [*TWO_ITERATIONS, _batch(4)], 'iter_2', 'coco/segm_mAP_50', (6, 3)),
    'segmentation': ('label_maps', [*TWO_ITERATIONS, _batch(2)], 'iter_2', 'mIoU', (4, 3)),
    'video': ('video_folders', [*ONE_EPOCH, _batch(3)], 'epoch_1', 'acc/top1', (6, 3)),
    # one batch of all, so that none is dropped with a rest
    'video with damaged files': ('damaged_video_folders', [*ONE_EPOCH, _batch(17)], 'epoch_1', 'acc/top1', (17, 3)),
    'video from lists': ('video_lists', [*ONE_EPOCH, _batch(3)], 'epoch_1', 'acc/top1', (6, 3)),
}


def _common(task: str, root: Path, work_dir: Path, options: list[str]) -> dict:
    return dict(
        config=str(NANO / f'{task.split()[0]}.py'),
        data_root=str(root),
        work_dir=str(work_dir),
        cfg_options=parse_cfg_options([*LIGHT, *options]),
    )


def _train(task: str, root: Path, work_dir: Path, options: list[str]):
    runner = prepare_training(TrainOptions(**_common(task, root, work_dir, options), seed=0))
    runner.train()
    return runner


def _test(task: str, root: Path, work_dir: Path, options: list[str], checkpoint: Path):
    runner = prepare_test(TestOptions(**_common(task, root, work_dir, options), checkpoint=str(checkpoint)))
    return runner, runner.test()


@pytest.fixture(scope='module', params=TASKS)
def trained(request, own_folders, tmp_path_factory):
    """A folder, the runner that trained on it, the runner that tested, its metrics."""
    task = request.param
    maker, options, checkpoint, metric, sizes = TASKS[task]
    pytest.importorskip('av')
    root, work_dir = tmp_path_factory.mktemp('data') / 'own', tmp_path_factory.mktemp('run')
    getattr(own_folders, maker)(root)
    trainer = _train(task, root, work_dir, options)
    tester, metrics = _test(task, root, work_dir / 'test', options, work_dir / f'{checkpoint}.pth')
    logs = [file.read_text() for file in sorted(work_dir.rglob('*.log'))]
    return SimpleNamespace(
        best=[path.name for path in work_dir.glob('best_*.pth')],
        task=task,
        trainer=trainer,
        tester=tester,
        metrics=metrics,
        metric=metric,
        sizes=sizes,
        log='\n'.join(logs),
    )


def _class_outputs(task: str, model: nn.Module) -> dict[str, int]:
    """Number of outputs of every layer that tells classes apart."""
    if task == 'classification':
        return {'head': model.head.fc.out_features}
    if task == 'detection':
        stages = {f'stage {i}': head.fc_cls.out_features - 1 for i, head in enumerate(model.roi_head.bbox_head)}
        return stages | {'mask': model.roi_head.mask_head.conv_logits.out_channels}
    if task == 'segmentation':
        # one more for "no object"
        return {'head': model.decode_head.cls_embed.out_features - 1}
    return {'head': model.cls_head.fc_cls.out_features}


def test_every_head_has_the_classes_of_the_folder(trained):
    outputs = _class_outputs(trained.task.split()[0], trained.trainer.model)
    assert set(outputs.values()) == {3}, outputs
    assert len(outputs) == (4 if trained.task == 'detection' else 1)


def test_every_split_has_the_names_and_sizes_of_the_folder(trained):
    data = [trained.trainer.train_dataloader, trained.trainer.val_dataloader, trained.tester.test_dataloader]
    assert [len(loader.dataset) for loader in data] == [trained.sizes[0], trained.sizes[1], trained.sizes[1]]
    for loader in data:
        assert tuple(loader.dataset.metainfo['classes']) == CLASSES


def test_the_checkpoint_is_tested_with_the_metric_of_the_task(trained):
    assert np.isfinite(trained.metrics[trained.metric]), trained.metrics
    assert trained.metrics[trained.metric] >= 0


def test_a_detector_has_the_precision_of_each_class(trained):
    named = {name.split('_')[0] for name in trained.metrics if name.endswith('_precision')}
    assert named == ({f'coco/{name}' for name in CLASSES} if trained.task == 'detection' else set())


def test_the_best_checkpoint_is_kept(trained):
    assert len(trained.best) == 1, 'by the metric of the task'


def test_the_log_begins_with_what_is_trained(trained):
    assert f'{trained.sizes[0]} training and {trained.sizes[1]} validation samples; effective batch' in trained.log


def test_damaged_videos_are_replaced_counted_and_named(trained):
    if trained.task != 'video with damaged files':
        assert 'could not be read' not in trained.log
        return
    assert '2 of 17 samples were replaced; found: videos: 1 empty, 1 undecodable (0.mp4, 1.mp4)' in trained.log
    assert '1 of 3 validation samples could not be read and do not count: videos: 1 no video stream' in trained.log
    listed = (Path(trained.trainer.work_dir) / 'broken_samples.csv').read_text()
    assert all(f'{name} ' in listed or f'{name},' in listed for name in ('dog/1.mp4', 'cat/0.mp4', '5.mp4')), listed
    assert trained.metrics['acc/unreadable'] == 1
