"""Twenty videos, three of which cannot be read, through mmaction2's real training and evaluation."""

from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.structures import BaseDataElement

from eva_mm.datasets.video import DecodeFrames, EVAVideoDataset, OpenVideo, SampleSegments, UnreadableVideoError
from eva_mm.datasets.video import dataset as module

from .conftest import cut_in_half, write_audio, write_video

BROKEN = {'v03.mp4': 'broken', 'v10.mp4': 'empty', 'v17.mp4': 'no video stream'}


class Pack:
    def __call__(self, results):
        return dict(inputs=np.stack(results['imgs']), data_samples=BaseDataElement(name=results['filename']))


PIPELINE = [OpenVideo('av'), SampleSegments(2), DecodeFrames(), Pack()]


@pytest.fixture
def folder(tmp_path):
    """20 videos of two classes; one is cut off, one has no bytes, one has only sound."""
    for index in range(20):
        write_video(tmp_path / f'v{index:02d}.mp4', frames=8, first=100 * (index % 2))
    cut_in_half(tmp_path / 'v03.mp4')
    (tmp_path / 'v10.mp4').write_bytes(b'')
    write_audio(tmp_path / 'v17.mp4')
    (tmp_path / 'list.txt').write_text(''.join(f'v{index:02d}.mp4 {index % 2}\n' for index in range(20)))
    return tmp_path


def dataset(folder, **kwargs) -> EVAVideoDataset:
    return EVAVideoDataset(**{
        'ann_file': 'list.txt', 'data_root': str(folder), 'data_prefix': dict(video=''), 'pipeline': PIPELINE, **kwargs
    })  # fmt: skip


def found(data) -> dict:
    return {Path(name).name: reason for name, reason in data.unreadable().items()}


def test_training_replaces_what_cannot_be_read_by_another_video(folder):
    data = dataset(folder)
    names = [Path(data[index]['data_samples'].name).name for index in range(20)]
    assert not set(names) & set(BROKEN)
    assert [name for index, name in enumerate(names) if f'v{index:02d}.mp4' not in BROKEN] == sorted(
        f'v{index:02d}.mp4' for index in range(20) if f'v{index:02d}.mp4' not in BROKEN
    )
    assert found(data) == BROKEN


def test_evaluation_replaces_by_the_next_video_and_marks_the_sample(folder):
    data = dataset(folder, test_mode=True)
    samples = [data[index]['data_samples'] for index in range(20)]
    marked = {f'v{index:02d}.mp4': Path(s.name).name for index, s in enumerate(samples) if s.get('unreadable')}
    assert marked == {'v03.mp4': 'v04.mp4', 'v10.mp4': 'v11.mp4', 'v17.mp4': 'v18.mp4'}


def test_each_is_named_in_the_log_once(folder, monkeypatch):
    messages = []
    monkeypatch.setattr(module, 'print_log', lambda message, logger, level: messages.append(message))
    data = dataset(folder, test_mode=True)
    for index in (10, 10, 3):
        data[index]
    assert sum('v10.mp4 is empty (0 bytes)' in message for message in messages) == 1
    assert sum('v03.mp4 cannot be decoded' in message for message in messages) == 1


def test_it_can_refuse_instead(folder):
    with pytest.raises(UnreadableVideoError, match='v10.mp4 is empty'):
        dataset(folder, on_unreadable='refuse')[10]
    with pytest.raises(ValueError, match="on_unreadable='ignore' is unknown: choose from replace, refuse"):
        dataset(folder, on_unreadable='ignore')


@pytest.mark.parametrize('test_mode', [True, False])
def test_a_wrong_path_ends_in_one_sentence(folder, test_mode):
    data = dataset(folder, data_prefix=dict(video='elsewhere'), test_mode=test_mode)
    with pytest.raises(UnreadableVideoError, match='None of the 20 videos .*elsewhere/v05.mp4: check data_prefix'):
        data[5]


def test_class_names_and_folders(folder):
    (folder / 'list.csv').write_text('path,label\nv00.mp4,run\nv01.mp4,jump\n')
    data = dataset(folder, ann_file='list.csv')
    assert data.metainfo['classes'] == ('jump', 'run')
    assert [data.get_data_info(index)['label'] for index in (0, 1)] == [1, 0]
    with pytest.raises(ValueError, match='1 classes are not among the 2 known ones'):
        dataset(folder, ann_file='list.csv', metainfo=dict(classes=['run', 'walk']))
    for name in ('up', 'down'):
        (folder / 'classes' / name).mkdir(parents=True)
        (folder / 'v00.mp4').rename(folder / 'classes' / name / 'v.mp4')
        write_video(folder / 'v00.mp4', frames=4)
    data = dataset(folder, ann_file='', data_prefix=dict(video='classes'))
    assert data.metainfo['classes'] == ('down', 'up') and len(data) == 2


def small_config(folder) -> Config:
    """The nano recipe at toy size on the folder above."""
    cfg = Config.fromfile(Path(__file__).parents[3] / 'configs' / 'nano' / 'video.py')
    toy = dict(embed_dims=16, num_layers=1, num_heads=2, feedforward_channels=32)
    data = dict(ann_file='list.txt', data_root=str(folder), data_prefix=dict(video=''))
    data['metainfo'] = dict(classes=['a', 'b'])
    cfg.model.backbone.arch = toy
    options = {'model.backbone.init_cfg': None, 'model.cls_head.in_channels': 16}
    for loader in ('train', 'val', 'test'):
        options[f'{loader}_dataloader.batch_size'] = 4
        # two workers: what they find must reach the main process
        options[f'{loader}_dataloader.num_workers'] = 2
        options |= {f'{loader}_dataloader.dataset.{key}': value for key, value in data.items()}
    cfg.merge_from_dict(options)
    cfg.merge_from_dict({'train_cfg': dict(max_epochs=1, val_interval=1), 'param_scheduler.warmup_epochs': 0})
    cfg.work_dir = str(folder / 'work')
    return cfg


def test_a_run_goes_through_and_says_what_was_unreadable(folder):
    pytest.importorskip('mmaction')
    from eva_mm.apis import build_runner

    runner = build_runner(small_config(folder))
    runner.train()
    metrics = runner.test()
    assert metrics['acc/unreadable'] == 3
    log = Path(runner.log_dir, f'{runner.timestamp}.log').read_text()
    for split in ('training', 'validation', 'test'):
        line = next(line for line in log.splitlines() if f'of 20 {split} videos could not be read' in line)
        assert '3 of 20' in line and all(name in line for name in BROKEN)
        assert all(f'1 {reason}' in line for reason in BROKEN.values())
    assert 'acc/unreadable: 3' in log


def test_two_evaluations_agree(folder):
    pytest.importorskip('mmaction')
    from eva_mm.apis import build_runner

    cfg = small_config(folder)
    runner = build_runner(cfg)
    scores = []
    for _ in range(2):
        batches = [runner.model.eval().test_step(batch) for batch in runner.build_dataloader(cfg.test_dataloader)]
        scores.append(torch.stack([sample.pred_score for batch in batches for sample in batch]))
    assert scores[0].shape == (20, 4) and torch.equal(*scores)
