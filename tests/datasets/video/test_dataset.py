"""Twenty videos, three of which cannot be read, through mmaction2's real training and evaluation."""

from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.structures import BaseDataElement

from eva_mm.datasets.faults import Fault
from eva_mm.datasets.video import DecodeFrames, EVAVideoDataset, OpenVideo, SampleSegments

from .conftest import cut_in_half, write_audio, write_video

BROKEN = {'v03.mp4': 'undecodable', 'v10.mp4': 'empty', 'v17.mp4': 'no video stream'}


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


def test_training_replaces_what_cannot_be_read_by_another_video(folder):
    data = dataset(folder)
    data.faults.start_journal(folder / 'journal')
    names = [Path(data[index]['data_samples'].name).name for index in range(20)]
    assert not set(names) & set(BROKEN)
    assert [name for index, name in enumerate(names) if f'v{index:02d}.mp4' not in BROKEN] == sorted(
        f'v{index:02d}.mp4' for index in range(20) if f'v{index:02d}.mp4' not in BROKEN
    )
    entries = data.faults.new_entries()
    assert {Path(entry['name']).name: entry['kind'] for entry in entries} == BROKEN and len(entries) == 3
    assert any('v10.mp4 is empty (0 bytes)' in entry['detail'] for entry in entries)


def test_evaluation_replaces_by_the_next_video_and_marks_the_sample(folder):
    data = dataset(folder, test_mode=True)
    samples = [data[index]['data_samples'] for index in range(20)]
    marked = {f'v{index:02d}.mp4': Path(s.name).name for index, s in enumerate(samples) if s.get('unreadable')}
    assert marked == {'v03.mp4': 'v04.mp4', 'v10.mp4': 'v11.mp4', 'v17.mp4': 'v18.mp4'}


def test_it_can_refuse_instead(folder):
    with pytest.raises(Fault, match='v10.mp4 is empty'):
        dataset(folder, policy='refuse')[10]
    with pytest.raises(Fault, match='v03.mp4 cannot be decoded'):
        dataset(folder, policy=dict(undecodable='refuse'))[3]
    with pytest.raises(ValueError, match="is 'ignore': choose from replace, refuse"):
        dataset(folder, policy='ignore')


@pytest.mark.parametrize('test_mode', [True, False])
def test_a_wrong_path_ends_in_one_sentence(folder, test_mode):
    data = dataset(folder, data_prefix=dict(video='elsewhere'), test_mode=test_mode, max_refetch=19)
    with pytest.raises(Fault, match='no video .*elsewhere/v05.mp4.* None of 19 replacements .*: check the path'):
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
    for words in ('samples were replaced', 'validation samples could not be read', 'test samples could not be read'):
        line = next(line for line in log.splitlines() if words in line)
        assert '3 of 20' in line
        assert all(f'1 {kind}' in line for kind in BROKEN.values())
    listed = (folder / 'work/broken_samples.csv').read_text()
    assert all(listed.count(name) >= 1 for name in BROKEN)
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
