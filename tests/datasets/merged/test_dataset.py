import random

import numpy as np
import pytest
from mmengine.runner import Runner
from torch.utils.data import DataLoader

from eva_mm.datasets.faults import Fault
from eva_mm.datasets.merged.build import build_index
from eva_mm.datasets.merged.dataset import MergedImages
from eva_mm.datasets.merged.examine import Examiner
from eva_mm.datasets.merged.sampler import LeanSampler


class Keep:
    """Of a sample, what tells which one it is."""

    def __call__(self, results):
        return results['sample_idx']


@pytest.fixture
def data(mixed, sources):
    return MergedImages(str(mixed), [Keep()], sources)


def _ranks(monkeypatch, data, world_size, round_up, epoch=0):
    """Samples that each rank's loader with three workers gives."""
    seen = []
    for rank in range(world_size):
        monkeypatch.setattr('mmengine.dataset.sampler.get_dist_info', lambda rank=rank: (rank, world_size))
        sampler = LeanSampler(data, seed=1, round_up=round_up)
        sampler.set_epoch(epoch)
        loader = DataLoader(data, 4, sampler=sampler, num_workers=3 if rank == 0 else 0, collate_fn=list)
        seen.append([index for batch in loader for index in batch])
    return seen


@pytest.mark.parametrize('world_size', [1, 2, 4, 5, 24, 30])
def test_every_image_once_in_an_epoch_over_ranks_and_workers(monkeypatch, data, world_size):
    seen = _ranks(monkeypatch, data, world_size, round_up=False)
    assert sorted(sum(seen, [])) == list(range(23))


def test_equally_many_on_every_rank_where_asked_for(monkeypatch, data):
    seen = _ranks(monkeypatch, data, 4, round_up=True)
    assert [len(rank) for rank in seen] == [6] * 4
    assert set(sum(seen, [])) == set(range(23))


@pytest.mark.parametrize('world_size', [1, 4, 5, 40, 60])
@pytest.mark.parametrize('round_up', [True, False])
def test_the_lean_sampler_has_the_order_of_its_parent(monkeypatch, data, world_size, round_up):
    for rank in range(world_size):
        monkeypatch.setattr('mmengine.dataset.sampler.get_dist_info', lambda rank=rank: (rank, world_size))
        lean = LeanSampler(data, seed=3, round_up=round_up)
        for epoch in (0, 7):
            lean.set_epoch(epoch)
            assert list(lean) == list(super(LeanSampler, lean).__iter__())
            assert len(list(lean)) == len(lean)


def test_a_host_s_runner_builds_its_loader(mixed, sources):
    dataset = dict(type='eva_mm.MergedImages', data_root=str(mixed), sources=sources, pipeline=[])
    config = dict(dataset=dataset, batch_size=5, num_workers=1, sampler=dict(type='DefaultSampler', shuffle=True))
    sizes = [len(batch['img']) for batch in Runner.build_dataloader(config, seed=0)]
    assert sizes == [5, 5, 5, 5, 3]


def test_what_enters_the_pipeline(mixed, sources):
    data = MergedImages(str(mixed), [], sources, lazy_init=True)
    assert not hasattr(data, 'index')
    sample = data[12]
    assert sample['img'].shape == (24, 24, 3) and sample['img'].dtype == np.uint8
    assert {key: sample[key] for key in ('img_path', 'source', 'sample_idx', 'img_shape')} == dict(
        img_path='shards/00000.tar/000000001.jpg', source='shards', sample_idx=12, img_shape=(24, 24)
    )
    assert data.get_data_info(12)['img_path'] == sample['img_path']
    assert data.counts() == dict(folders=11, shards=7, zipped=5)


def test_without_sources_all_below_the_root_is_one(mixed):
    assert MergedImages(str(mixed)).counts() == {'data': 23}


def test_index_and_sources_must_agree(mixed, sources):
    build_index(mixed / 'index', sources, Examiner(str(mixed)))
    assert MergedImages(str(mixed), [], sources, 'index').counts() == dict(folders=11, shards=7, zipped=5)
    with pytest.raises(ValueError, match='has the sources folders, shards, zipped and the config has other'):
        MergedImages(str(mixed), [], dict(other='folder'), 'index')


@pytest.mark.parametrize(
    'options, message',
    [
        (dict(policy=dict(spoilt='replace')), "policy names 'spoilt'"),
        (dict(policy=dict(truncated='use')), "'truncated' is 'use': choose from replace, refuse"),
        (dict(policy='ignore'), "is 'ignore': choose from replace, refuse"),
        (dict(exif='turn'), "exif='turn' is unknown"),
    ],
)
def test_wrong_options_are_one_sentence(mixed, options, message):
    with pytest.raises(ValueError, match=message):
        MergedImages(str(mixed), **options)


def test_a_folder_without_images(tmp_path):
    with pytest.raises(FileNotFoundError, match='There is no image in'):
        MergedImages(str(tmp_path))


@pytest.fixture
def spoilt(tmp_path, make, write_files):
    """Two sources of ten images; numbers 2 and 5 of the first and 3 of the second are broken."""
    for name, broken in (('one', (2, 5)), ('two', (3,))):
        files = {f'{number}.jpg': make('truncated' if number in broken else 'sound', number) for number in range(10)}
        write_files(tmp_path / f'{name}.tar', files)
    return dict(data_root=str(tmp_path), sources=dict(one='one.tar', two='two.tar'))


def test_a_replacement_is_of_the_same_source_and_a_function_of_seed_epoch_and_number(spoilt):
    data = MergedImages(**spoilt)

    def chosen(epoch, **options):
        other = MergedImages(**spoilt, **options) if options else data
        other.set_epoch(epoch)
        random.seed(epoch)
        return [other[number]['img_path'] for number in (2, 5, 13)]

    epochs = [chosen(epoch) for epoch in range(8)]
    assert epochs == [chosen(epoch) for epoch in range(8)]
    assert [chosen(epoch, seed=1) for epoch in range(8)] != epochs
    assert len({tuple(each) for each in epochs}) > 4
    for first, second, third in epochs:
        assert first.startswith('one.tar/') and second.startswith('one.tar/') and third.startswith('two.tar/')
        assert not {first, second} & {'one.tar/2.jpg', 'one.tar/5.jpg'} and third != 'two.tar/3.jpg'


def test_counts_are_of_what_was_asked_for_and_not_of_failed_replacements(spoilt):
    data = MergedImages(**spoilt)
    for _ in range(3):
        for number in range(20):
            data.load(number)
    columns = data.faults.columns
    counts = data.faults.counts()
    assert counts[:, columns.index('samples')].tolist() == [30, 30]
    assert counts[:, columns.index('replaced')].tolist() == [6, 3]
    assert counts[:, columns.index('truncated')].tolist() == [6, 3]
    assert counts[:, 2:].sum() == 9


def test_refused(spoilt):
    data = MergedImages(**spoilt, policy='refuse')
    data.load(0)
    with pytest.raises(Fault, match='one.tar/2.jpg cannot be decoded'):
        data.load(2)


def test_odd_images_are_replaced_where_asked_for(tmp_path, make, write_files):
    write_files(tmp_path / 'a', {'0.jpg': make('cmyk'), '1.jpg': make('sound', 1)})
    used = MergedImages(str(tmp_path))
    assert used.load(0)['img_path'] == 'a/0.jpg'
    replaced = MergedImages(str(tmp_path), policy=dict(cmyk='replace'))
    assert replaced.load(0)['img_path'] == 'a/1.jpg'
    column = used.faults.columns.index
    assert [data.faults.counts()[0, column('cmyk')] for data in (used, replaced)] == [1, 1]
    assert [data.faults.counts()[0, column('replaced')] for data in (used, replaced)] == [0, 1]


def test_a_source_without_a_sound_image_ends_in_one_sentence(tmp_path, make, write_files):
    write_files(tmp_path / 'a', {f'{number}.jpg': b'' for number in range(3)})
    with pytest.raises(Fault, match='None of 20 replacements could be read either'):
        MergedImages(str(tmp_path)).load(1)
