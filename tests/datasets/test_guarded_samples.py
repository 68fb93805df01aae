"""Data sets of hosts and users with broken files, seen through the guard."""

import io
import pickle

import mmcv
import numpy as np
import pytest
import torch
from mmengine.dataset import BaseDataset, Compose, ConcatDataset
from PIL import Image
from torch.utils.data import DataLoader

from eva_mm.datasets.faults import Fault
from eva_mm.datasets.guarded_samples import GuardedSamples

SIZE = 20
# number of the image -> what is done to its file, and the kind that is reported
PLANTED = {3: ('truncated', 'truncated'), 7: ('empty', 'empty'), 11: ('gone', 'missing'), 15: ('text', 'no image')}


class LoadImageFromFile:
    """As mmcv's: Pillow or OpenCV."""

    def __init__(self, backend):
        self.backend = backend

    def __call__(self, results):
        with open(results['img_path'], 'rb') as file:
            pixels = mmcv.imfrombytes(file.read(), backend=self.backend)
        assert pixels is not None, f'failed to load image: {results["img_path"]}'
        return dict(results, img=pixels)


class Augment:
    """A transform; fails for some images if it has a defect."""

    def __init__(self, defect=False):
        self.defect = defect

    def __call__(self, results):
        if self.defect and results['number'] == 5:
            raise KeyError('gt_bboxes')
        return dict(number=results['number'], noise=np.random.randint(10**9))


class Images(BaseDataset):
    """A host's data set of files."""

    def __init__(self, folder, backend='pillow', defect=False, **kwargs):
        self.folder = folder
        super().__init__(pipeline=[], **kwargs)
        self.pipeline = Compose([LoadImageFromFile(backend), Augment(defect)])

    def load_data_list(self):
        return [dict(img_path=f'{self.folder}/{number}.jpg', number=number) for number in range(SIZE)]


@pytest.fixture
def folder(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, 'JPEG')
    for number in range(SIZE):
        what = PLANTED.get(number, ('sound', ''))[0]
        data = content.getvalue()
        data = dict(truncated=data[: len(data) // 2], empty=b'', text=b'<html>').get(what, data)
        if what != 'gone':
            (tmp_path / f'{number}.jpg').write_bytes(data)
    return tmp_path


def _counts(data):
    counts = dict(zip(data.faults.columns, data.faults.counts()[0].tolist()))
    return {name: count for name, count in counts.items() if count}


def test_broken_images_are_replaced_counted_and_named(folder):
    data = GuardedSamples(Images(folder))
    data.faults.start_journal(folder / 'journal')
    numbers = [data[index]['number'] for index in range(SIZE)]
    assert len(data) == SIZE and not set(numbers) & set(PLANTED)
    assert all(number == index for index, number in enumerate(numbers) if index not in PLANTED)
    assert data.replaced() == set(PLANTED)
    assert _counts(data) == {'samples': SIZE, 'replaced': 4, **{kind: 1 for _, kind in PLANTED.values()}}
    entries = {entry['name']: entry['kind'] for entry in data.faults.new_entries()}
    assert entries == {f'{folder}/{number}.jpg': kind for number, (_, kind) in PLANTED.items()}


def test_opencv_says_less_and_the_file_is_named_all_the_same(folder):
    data = GuardedSamples(Images(folder, backend='cv2'))
    data.faults.start_journal(folder / 'journal')
    for index in range(SIZE):
        data[index]
    entries = {entry['name']: entry['kind'] for entry in data.faults.new_entries()}
    kinds = {3: 'undecodable', 7: 'empty', 11: 'missing', 15: 'no image'}
    assert entries == {f'{folder}/{number}.jpg': kind for number, kind in kinds.items()}


def test_replacements_follow_the_seed_of_the_sample(folder):
    data, drawn = GuardedSamples(Images(folder)), []
    for seed in (1, 1, 2):
        np.random.seed(seed)
        drawn.append([data[index]['number'] for index in PLANTED])
    assert drawn[0] == drawn[1] != drawn[2]


def test_in_evaluation_it_is_the_next_sample(folder):
    data = GuardedSamples(Images(folder, test_mode=True), evaluating=True)
    assert [data[index]['number'] for index in (2, 3, 7, 15, 19)] == [2, 4, 8, 16, 19]
    assert data.replaced() == {3, 7, 15}


def test_what_workers_find_arrives(folder):
    data = GuardedSamples(Images(folder))
    data.faults.start_journal(folder / 'journal')
    loader = DataLoader(data, 5, num_workers=2)
    assert sum(len(batch['number']) for batch in loader) == SIZE
    assert _counts(data)['replaced'] == 4 and data.replaced() == set(PLANTED)
    assert len(data.faults.new_entries()) == 4


def test_it_can_refuse(folder):
    data = GuardedSamples(Images(folder), policy=dict(truncated='refuse'))
    with pytest.raises(Fault, match=f'{folder}/3.jpg is truncated .image file is truncated') as caught:
        data[3]
    assert caught.value.kind == 'truncated'
    assert data[7]['number'] not in PLANTED


def test_a_defect_of_the_pipeline_is_raised_and_its_sample_named(folder, monkeypatch):
    said = []
    monkeypatch.setattr('eva_mm.datasets.guarded_samples.print_log', lambda text, *_: said.append(text))
    data = GuardedSamples(Images(folder, defect=True))
    with pytest.raises(KeyError, match='gt_bboxes'):
        data[5]
    assert said == [f"Sample 5 ({folder}/5.jpg): KeyError('gt_bboxes')"]


def test_lost_data_run_errors(folder):
    data = GuardedSamples(Images(folder / 'elsewhere'))
    with pytest.raises(Fault, match='elsewhere/0.jpg is missing .*None of 20 replacements could be read either'):
        data[0]


def test_a_full_disk_is_not_the_fault_of_a_file(folder, monkeypatch):
    def full(*args):
        raise OSError(28, 'No space left on device')

    data = GuardedSamples(Images(folder))
    monkeypatch.setattr(LoadImageFromFile, '__call__', full)
    with pytest.raises(OSError, match='No space left') as caught:
        data[0]
    assert not isinstance(caught.value, Fault)


class LoadAnnotations:
    """Labels of pixels."""

    def __call__(self, results):
        return dict(results, labels=mmcv.imread(results['seg_map_path']).squeeze())


def test_a_broken_label_map_is_named_and_not_its_image(folder):
    Image.new('L', (4, 4)).save(folder / 'labels.png')
    content = (folder / 'labels.png').read_bytes()
    (folder / 'labels.png').write_bytes(content[:40])
    inner = Images(folder)
    inner.pipeline = Compose([LoadAnnotations(), *inner.pipeline.transforms])
    inner.load_data_list = None
    inner._fully_initialized = True
    inner.serialize_data, inner.data_bytes, inner.data_address = False, None, None
    inner.data_list = [
        dict(img_path=f'{folder}/0.jpg', seg_map_path=f'{folder}/labels.png', number=0),
        dict(img_path=f'{folder}/1.jpg', seg_map_path=f'{folder}/whole.png', number=1),
    ]
    Image.new('L', (4, 4)).save(folder / 'whole.png')
    data = GuardedSamples(inner, evaluating=True)
    data.faults.start_journal(folder / 'journal')
    assert data[0]['number'] == 1
    assert [entry['name'] for entry in data.faults.new_entries()] == [f'{folder}/labels.png']


def test_it_is_the_data_set_inside(folder):
    inner = Images(folder, metainfo=dict(classes=('a',)))
    data = GuardedSamples(ConcatDataset([inner, inner]))
    assert data.metainfo['classes'] == ('a',) and len(data) == 2 * SIZE
    data.faults.start_journal(folder / 'journal')
    data[SIZE + 3]
    assert data.faults.new_entries()[0]['name'] == f'{folder}/3.jpg'
    single = GuardedSamples(inner)
    single.pipeline = Compose([Augment()])  # as hooks of hosts switch pipelines
    assert inner.pipeline is single.pipeline and single[3]['number'] == 3
    assert isinstance(pickle.loads(pickle.dumps(single)).dataset, Images)
    assert torch.utils.data.Subset(single, [4])[0]['number'] == 4
