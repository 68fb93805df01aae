"""Broken files in the data sets, pipelines and batch samplers of the four hosts, as a user's own config has them."""

import json

import numpy as np
import pytest
from mmengine.registry import DATASETS, DefaultScope
from mmengine.runner import Runner
from PIL import Image

import eva_mm  # noqa: F401
from eva_mm.datasets.guarded_samples import GuardedSamples
from eva_mm.engine.long_run.resumable_batches import resumable

from .video.conftest import cut_in_half, write_video

SIZE = 8


def _image(path, seed, size=(40, 30)):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (*size[::-1], 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


def _mmpretrain(folder):
    for number in range(SIZE):
        _image(folder / f'{"ab"[number % 2]}/{number}.jpg', number)
    cut_in_half(folder / 'a/2.jpg')
    pipeline = [dict(type='LoadImageFromFile'), dict(type='PackInputs')]
    return dict(type='CustomDataset', data_root=str(folder), pipeline=pipeline), 'a/2.jpg', 1


def _mmdet(folder):
    images, boxes = [], []
    for number in range(SIZE):
        size = (40, 30) if number % 3 else (30, 40)
        _image(folder / f'{number}.jpg', number, size)
        images.append(dict(id=number, file_name=f'{number}.jpg', width=size[0], height=size[1]))
        boxes.append(dict(id=number, image_id=number, category_id=1, bbox=[2, 2, 9, 9], area=81, iscrowd=0))
    cut_in_half(folder / '5.jpg')
    (folder / 'a.json').write_text(
        json.dumps(dict(images=images, annotations=boxes, categories=[dict(id=1, name='person')]))
    )
    pipeline = [
        dict(type='LoadImageFromFile', backend_args=None),
        dict(type='LoadAnnotations', with_bbox=True),
        dict(type='RandomFlip', prob=0.5),
        dict(type='PackDetInputs'),
    ]
    dataset = dict(
        type='CocoDataset', data_root=str(folder), ann_file='a.json', data_prefix=dict(img=''), pipeline=pipeline,
        metainfo=dict(classes=('person',)),
    )  # fmt: skip
    return dataset, '5.jpg', 5


def _mmseg(folder):
    for number in range(SIZE):
        _image(folder / f'images/{number}.jpg', number)
        Image.new('L', (40, 30), number).save(folder / f'images/{number}.png')
    cut_in_half(folder / 'images/6.png')
    pipeline = [dict(type='LoadImageFromFile'), dict(type='LoadAnnotations'), dict(type='PackSegInputs')]
    dataset = dict(
        type='BaseSegDataset', data_root=str(folder), pipeline=pipeline,
        data_prefix=dict(img_path='images', seg_map_path='images'), metainfo=dict(classes=('a', 'b')),
    )  # fmt: skip
    return dataset, 'images/6.png', 6


def _mmaction(folder):
    folder.mkdir()
    for number in range(SIZE):
        write_video(folder / f'{number}.mp4', frames=8)
    cut_in_half(folder / '3.mp4')
    (folder / 'list.txt').write_text(''.join(f'{number}.mp4 {number % 2}\n' for number in range(SIZE)))
    pipeline = [
        dict(type='PyAVInit'),
        dict(type='SampleFrames', clip_len=2, frame_interval=1, num_clips=1),
        dict(type='PyAVDecode'),
        dict(type='FormatShape', input_format='NCTHW'),
        dict(type='PackActionInputs'),
    ]
    dataset = dict(
        type='VideoDataset', ann_file=str(folder / 'list.txt'), data_prefix=dict(video=str(folder)), pipeline=pipeline
    )
    return dataset, '3.mp4', 3


HOSTS = dict(mmpretrain=_mmpretrain, mmdet=_mmdet, mmseg=_mmseg, mmaction=_mmaction)


@pytest.mark.parametrize('host', HOSTS)
def test_one_broken_file_costs_one_sample(tmp_path, host):
    pytest.importorskip(host)
    cfg, broken, index = HOSTS[host](tmp_path / 'data')
    with DefaultScope.overwrite_default_scope(host):
        inner = DATASETS.build(cfg)
        with pytest.raises(Exception):  # noqa: B017 what it is depends on the host
            inner[index]
        data = GuardedSamples(inner)
        data.faults.start_journal(tmp_path / 'journal')
        samples = [data[number] for number in range(SIZE)]
    assert len(samples) == SIZE and all('inputs' in sample for sample in samples)
    assert data.replaced() == {index}
    (entry,) = data.faults.new_entries()
    assert entry['name'] == str(tmp_path / 'data' / broken)


def test_batches_sorted_by_shape_are_the_same_from_any_iteration_on(tmp_path):
    pytest.importorskip('mmdet')
    dataset, _, _ = _mmdet(tmp_path / 'data')
    loader = dict(
        batch_size=2,
        num_workers=0,
        sampler=dict(type='DefaultSampler', shuffle=True),
        batch_sampler=dict(type='AspectRatioBatchSampler'),
        collate_fn=dict(type='pseudo_collate'),
        dataset=dict(dataset, pipeline=[*dataset['pipeline'][1:2], *dataset['pipeline'][3:]]),
    )
    with DefaultScope.overwrite_default_scope('mmdet'):
        built = resumable(Runner.build_dataloader(loader, seed=3), seed=3)
        batches = built.batch_sampler
        batches.start(first=0, skip=0)
        whole = list(batches)
        assert sorted(index for batch in whole for index, _ in batch) == list(range(SIZE))
        for done in range(len(whole)):
            # a pass that was given up leaves nothing behind
            next(iter(batches))
            batches.start(first=0, skip=done)
            assert list(batches) == whole[done:]
            batches.start(first=0, skip=0)
