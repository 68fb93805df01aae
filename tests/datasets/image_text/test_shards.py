import gzip
import os
import tarfile
from itertools import islice

import numpy as np
import pytest
from hostile import EPS, fake_ghostscript, png
from mmengine.dataset import pseudo_collate
from torch.utils.data import DataLoader

from eva_mm.datasets.faults import Fault
from eva_mm.datasets.image_text.shards import ImageTextShards
from eva_mm.datasets.image_text.stream import decode_image
from eva_mm.registry import TRANSFORMS

PACK = [dict(type='eva_mm.CLIPTokenize', context_length=5), dict(type='eva_mm.PackImageText')]


@TRANSFORMS.register_module()
class _AddNoise:
    def __call__(self, results):
        results['key'] += f'-{np.random.randint(10**6)}'
        return results


def _build(folder, pattern='*.tar', pipeline=PACK, **kwargs):
    return ImageTextShards(pattern, pipeline, data_root=str(folder), shuffle_buffer=4, **kwargs)


def _on_rank(dataset, rank, world_size):
    dataset.rank, dataset.world_size = rank, world_size
    return dataset


def _keys(samples):
    return [sample['data_samples'].key for sample in samples]


def _batches(dataset, num_batches, batch_size=2, num_workers=2):
    loader = DataLoader(dataset, batch_size, num_workers=num_workers, collate_fn=pseudo_collate)
    return list(islice(loader, num_batches))


def _batch_keys(batches):
    return [[sample.key for sample in batch['data_samples']] for batch in batches]


def test_a_sample_keeps_image_and_text_together(shards):
    for sample in islice(_build(shards(5, 3)), 8):
        number = int(sample['data_samples'].key)
        assert (sample['inputs'] == number).all() and sample['inputs'].shape == (3, 4, 4)
        assert sample['data_samples'].text == f'number {number}'
        assert sample['tokens'][0] == 49406 and sample['tokens'].shape == (5,)


def test_an_epoch_has_every_sample_once_and_its_own_order(shards):
    keys = _keys(islice(_build(shards(7, 6, 5)), 36))
    expected = [f'{number:03d}' for number in range(18)]
    assert sorted(keys[:18]) == sorted(keys[18:]) == expected
    assert keys[:18] != expected and keys[:18] != keys[18:]


def test_the_seed_decides_the_order(shards):
    folder = shards(7, 6, 5)
    first, again, other = (_keys(islice(_build(folder, seed=seed), 18)) for seed in (0, 0, 1))
    assert first == again != other


def test_ranks_and_workers_share_nothing(shards):
    folder = shards(4, 4, 4, 4)
    seen = []
    for rank in range(2):
        seen += sum(_batch_keys(_batches(_on_rank(_build(folder), rank, 2), 4)), [])
    assert sorted(seen) == [f'{number:03d}' for number in range(16)]


def test_global_batches_do_not_depend_on_the_number_of_ranks(shards):
    folder = shards(6, 5, 7, 8)
    single = _batch_keys(_batches(_build(folder, num_streams=2), 5, batch_size=6, num_workers=0))
    ranks = [
        _batch_keys(_batches(_on_rank(_build(folder), rank, 2), 5, batch_size=3, num_workers=0)) for rank in (0, 1)
    ]
    assert [sorted(batch) for batch in single] == [sorted(one + two) for one, two in zip(*ranks)]


@pytest.mark.parametrize('num_workers, num_streams', [(0, None), (2, None), (2, 4), (0, 2)])
@pytest.mark.parametrize('stop', [1, 3, 8, 13])
def test_going_on_loses_and_repeats_nothing(shards, num_workers, num_streams, stop):
    folder = shards(9, 4, 7, 6, broken=(2, 11))
    options = dict(num_workers=num_workers, batch_size=3)
    whole = _batches(_build(folder, num_streams=num_streams), 20, **options)
    places = {}
    for batch in whole[:stop]:
        places.update({sample.place[0]: sample.place for sample in batch['data_samples']})
    stopped = _build(folder, num_streams=num_streams)
    stopped.resume(places.values())
    assert _batch_keys(_batches(stopped, 20 - stop, **options)) == _batch_keys(whole[stop:])


def test_random_numbers_belong_to_the_sample(shards):
    folder = shards(6, 6)
    pipeline = [dict(type='eva_mm._AddNoise'), *PACK]
    one = sorted(_keys(islice(_build(folder, pipeline=pipeline, num_streams=2), 12)))
    two = [_keys(islice(_on_rank(_build(folder, pipeline=pipeline), rank, 2), 6)) for rank in (0, 1)]
    assert one == sorted(two[0] + two[1])
    epochs = _keys(islice(_build(folder, pipeline=pipeline), 24))
    assert set(epochs[:12]).isdisjoint(epochs[12:])


def test_unreadable_samples_are_counted_and_skipped(shards):
    folder = shards(6, 6, broken=(1, 7, 8))
    data = _build(folder)
    data.faults.start_journal(folder / 'journal')
    samples = list(islice(data, 18))
    assert {'001', '007', '008'}.isdisjoint(_keys(samples))
    assert samples[-1]['data_samples'].place[-2:] == (18, 6)
    counts = dict(zip(data.faults.columns, data.faults.counts()[0].tolist()))
    assert (counts['samples'], counts['replaced'], counts['undecodable']) == (24, 6, 6)
    # two epochs, and each is listed once
    assert sorted(entry['name'] for entry in data.faults.new_entries()) == ['001', '007', '008']


def test_a_stream_can_refuse_instead(shards):
    with pytest.raises(Fault, match="image of sample '001' cannot be decoded"):
        list(islice(_build(shards(6, 6, broken=(1,)), policy='refuse'), 12))


def test_the_rest_of_a_broken_shard_is_skipped(shards):
    folder = shards(5, 5)
    content = (folder / '00000.tar').read_bytes()
    (folder / '00000.tar').write_bytes(content[:3500])
    keys = _keys(islice(_build(folder), 12))
    assert {'000', '005', '009'} <= set(keys) and '004' not in keys


def test_braces_and_lists(shards):
    folder = shards(2, 2, 2)
    assert len(_build(folder, '{00000..00001}.tar').shards) == 2
    assert len(_build(folder, ['00000.tar', '00002.tar']).shards) == 2


@pytest.mark.parametrize('pattern', ['none*.tar', '{00000..00003}.tar'])
def test_missing_shards(shards, pattern):
    with pytest.raises(FileNotFoundError, match='give the folder and the names'):
        _build(shards(2, 2), pattern)


def test_too_few_shards(shards):
    with pytest.raises(ValueError, match='2 shards cannot feed 4 streams: use fewer workers, or more shards'):
        next(iter(_build(shards(2, 2), num_streams=4)))


def test_streams_that_cannot_be_dealt_out(shards):
    dataset = _on_rank(_build(shards(2, 2, 2), num_streams=3), 0, 2)
    with pytest.raises(ValueError, match='set num_streams to a multiple of 2'):
        next(iter(dataset))


def test_going_on_with_other_streams(shards):
    dataset = _build(shards(2, 2))
    dataset.resume([(0, 2, 0, 0, 0, 1, 1, 0)])
    with pytest.raises(ValueError, match='stopped with 2 streams and goes on with 1: set num_streams=2'):
        next(iter(dataset))


def test_nothing_readable(shards):
    with pytest.raises(ValueError, match='None of the 2 samples of stream 0 could be read'):
        next(iter(_build(shards(2, broken=(0, 1)))))


def test_a_shard_is_a_file_whatever_its_name_is(shards, tmp_path, monkeypatch):
    folder = shards(2)
    monkeypatch.chdir(folder)
    (folder / '00000.tar').rename(folder / 'pipe:touch made; cat x.tar')
    for shards_given in ('*.tar', ['pipe:touch made; cat x.tar']):
        dataset = ImageTextShards(shards_given, PACK, shuffle_buffer=4)
        assert sorted(_keys(islice(dataset, 2))) == ['000', '001']
    with pytest.raises(FileNotFoundError, match='commands need run_commands=True'):
        ImageTextShards('pipe:touch made; cat 00000.tar', PACK)
    assert not (folder / 'made').exists()


def test_commands_run_when_they_are_asked_for(shards, monkeypatch):
    folder = shards(2)
    monkeypatch.chdir(folder)
    dataset = ImageTextShards('pipe:touch made; cat {00000..00000}.tar', PACK, run_commands=True)
    assert sorted(_keys(islice(dataset, 2))) == ['000', '001'] and (folder / 'made').exists()


def test_a_folder_whose_name_is_a_pattern(shards, tmp_path):
    folder = shards(2)
    odd = tmp_path / 'a[0-9]'
    odd.mkdir()
    (folder / '00000.tar').rename(odd / '00000.tar')
    assert [path.split('/')[-2:] for path in _build(odd).shards] == [['a[0-9]', '00000.tar']]


def _endless(size):
    member = tarfile.TarInfo('001.png')
    member.size = size
    return member.tobuf(tarfile.GNU_FORMAT)


@pytest.mark.parametrize(
    'damage',
    [
        lambda content: content[:4096] + _endless(2**60),
        lambda content: gzip.compress(content[:4096] + _endless(2**60)),
        lambda content: gzip.compress(content[:4096] + _bomb()),
    ],
    ids=['endless', 'endless and compressed', 'bomb'],
)
def test_a_header_or_a_bomb_ends_its_shard_alone(damage, shards, monkeypatch):
    folder = shards(2, 2)
    content = (folder / '00000.tar').read_bytes()
    (folder / '00000.tar').write_bytes(damage(content))
    read = []
    reader = _build(folder)
    for raw in reader.read_shard(str(folder / '00000.tar')):
        read.append(raw)
    assert [raw['key'] for raw in read][:2] == ['000', '001']
    assert sum(len(raw.get('image', b'')) for raw in read) < 200 * 2**20
    assert len(_keys(islice(reader, 4))) == 4


def _bomb():
    """Twenty members of 60 MB, all zeros."""
    parts = []
    for number in range(20):
        member = tarfile.TarInfo(f'{number + 100}.png')
        member.size = 60 * 2**20
        parts.append(member.tobuf(tarfile.GNU_FORMAT) + bytes(member.size))
    return b''.join(parts)


def test_a_pipe_is_not_a_shard(shards):
    folder = shards(2)
    os.mkfifo(folder / '00001.tar')
    with pytest.raises(FileNotFoundError, match='00001.tar and 0 more'):
        _build(folder)


def test_images_of_a_pair_are_bounded_and_of_a_known_format(tmp_path, monkeypatch):
    canary = fake_ghostscript(tmp_path, monkeypatch)
    for content in (EPS, png(60_000, 1), png(20_000, 9_000)):
        with pytest.raises(Exception, match='no known image format|max_ratio|pixels'):
            decode_image(content)
    assert decode_image(png(30, 20)).shape == (20, 30, 3) and not canary.exists()
