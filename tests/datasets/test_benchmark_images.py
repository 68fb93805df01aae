"""Zero-shot benchmarks through the readers of CLIP_benchmark, and from the shards that it writes."""

import csv
import io
import json
import struct
import tarfile
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config
from mmengine.runner import Runner
from PIL import Image

from eva_mm.models.multimodal.zero_shot import CLASS_NAMES, TEMPLATES, find_class_names, find_templates
from eva_mm.registry import DATASETS

CONFIGS = Path(__file__).parents[2] / 'configs' / 'clip'
RNG = np.random.default_rng(0)


def photograph(*size):
    return Image.fromarray(RNG.integers(0, 256, (*size, 3), dtype=np.uint8))


def library(name):
    return json.loads(files('clip_benchmark').joinpath('datasets', f'en_{name}.json').read_text())


def fer2013(root):
    for name in ('angry', 'disgust', 'fear', 'happy', 'neutral', 'sad', 'surprise'):
        (root / 'fer2013/test' / name).mkdir(parents=True)
        photograph(9, 7).convert('L').save(root / 'fer2013/test' / name / '0.png')
    return root / 'fer2013'


def mnist(root):
    pixels = RNG.integers(0, 256, (10, 28, 28), dtype=np.uint8)
    raw = root / 'MNIST/raw'
    raw.mkdir(parents=True)
    for split in ('train', 't10k'):
        (raw / f'{split}-images-idx3-ubyte').write_bytes(struct.pack('>4i', 2051, *pixels.shape) + pixels.tobytes())
        labels = np.arange(10, dtype=np.uint8)
        (raw / f'{split}-labels-idx1-ubyte').write_bytes(struct.pack('>2i', 2049, 10) + labels.tobytes())
    return root


def voc2007(root):
    year = root / 'VOCdevkit/VOC2007'
    for folder in ('JPEGImages', 'Annotations', 'ImageSets/Main'):
        (year / folder).mkdir(parents=True)
    (year / 'ImageSets/Main/aeroplane_test.txt').write_text('000001 -1\n')
    photograph(40, 60).save(year / 'JPEGImages/000001.jpg')
    box = '<bndbox><xmin>{}</xmin><ymin>{}</ymin><xmax>{}</xmax><ymax>{}</ymax></bndbox>'
    objects = [('dog', (5, 6, 25, 36)), ('person', (1, 1, 60, 40))]
    xml = ''.join(f'<object><name>{name}</name>{box.format(*sides)}</object>' for name, sides in objects)
    (year / 'Annotations/000001.xml').write_text(f'<annotation>{xml}</annotation>')
    return root


def gtsrb(root):
    folder = root / 'gtsrb/GTSRB/Final_Test/Images'
    folder.mkdir(parents=True)
    with (root / 'gtsrb/GT-final_test.csv').open('w', newline='') as file:
        rows = csv.writer(file, delimiter=';')
        rows.writerow(('Filename', 'ClassId'))
        for index in range(3):
            photograph(30, 31).save(folder / f'{index:05d}.ppm')
            rows.writerow((f'{index:05d}.ppm', 14 * index))
    return root


@pytest.mark.parametrize(
    'make, labels, sizes',
    [
        (fer2013, list(range(7)), [(9, 7)] * 7),
        (mnist, list(range(10)), [(28, 28)] * 10),
        # objects, not pictures
        (voc2007, [11, 14], [(30, 20), (39, 59)]),
        (gtsrb, [0, 14, 28], [(30, 31)] * 3),
    ],
)
def test_images_words_and_labels_are_the_library_s(make, labels, sizes, tmp_path):
    name = make.__name__
    cfg = dict(type='eva_mm.BenchmarkImages', name=name, data_root=str(make(tmp_path)))
    data = DATASETS.build(cfg)
    samples = [data[index] for index in range(len(data))]
    assert [sample['gt_label'] for sample in samples] == labels
    assert [sample['img_shape'] for sample in samples] == [sample['img'].shape[:2] for sample in samples] == sizes
    image, _ = data.source[0]
    assert np.array_equal(samples[0]['img'][..., ::-1], np.asarray(image.convert('RGB')))
    names = library('classnames').get(name)
    assert find_class_names(cfg) == (names or data.source.classes)
    assert [sentence.replace('{}', '{c}') for sentence in find_templates(cfg)] == library(
        'zeroshot_classification_templates'
    )[name]


def test_own_lists_are_the_library_s():
    """Those of CIFAR and ImageNet, which need no CLIP_benchmark."""
    from mmpretrain.datasets.categories import CIFAR10_CATEGORIES, CIFAR100_CATEGORIES

    sentences = library('zeroshot_classification_templates')
    for own, name in (('cifar', 'cifar10'), ('cifar', 'cifar100'), ('imagenet', 'imagenet1k')):
        assert sorted(sentence.replace('{}', '{c}') for sentence in TEMPLATES[own]) == sorted(sentences[name])
    assert list(CLASS_NAMES['imagenet']) == library('classnames')['imagenet1k']
    # of these the library takes the names of the data
    assert CLASS_NAMES['cifar10'] == tuple(CIFAR10_CATEGORIES)
    assert CLASS_NAMES['cifar100'] == tuple(CIFAR100_CATEGORIES)


@pytest.mark.parametrize('name, folder', [('fer2013', 'none'), ('mnist', ''), ('voc2007', ''), ('sun397', '')])
def test_missing_data_are_told_and_not_downloaded(name, folder, tmp_path):
    with pytest.raises(FileNotFoundError, match=f'has no {name}: put it there as torchvision unpacks it'):
        DATASETS.build(dict(type='eva_mm.BenchmarkImages', name=name, data_root=str(tmp_path / folder)))


def shards(root, odd=None):
    """Two tar files of three images each, as `clip_benchmark_export_wds` writes them."""
    (root / 'test').mkdir(parents=True)
    (root / 'classnames.txt').write_text('airplane\nbasketball court\n')
    (root / 'zeroshot_classification_templates.txt').write_text('an aerial view of {c}\na satellite photo of a {c}\n')
    (root / 'test/nshards.txt').write_text('2\n')
    written = []
    for shard in range(2):
        with tarfile.open(root / f'test/{shard}.tar', 'w') as archive:
            for index in range(3):
                image, stream = photograph(16 + index, 20), io.BytesIO()
                image.save(stream, format='webp', lossless=True)
                written.append((np.asarray(image), index % 2))
                key = f's{3 * shard + index:07d}'
                for suffix, content in (('webp', stream.getvalue()), ('cls', str(index % 2).encode())):
                    if f'{key}.{suffix}' == odd:
                        continue
                    member = tarfile.TarInfo(f'{key}.{suffix}')
                    member.size = len(content)
                    archive.addfile(member, io.BytesIO(content))
    return written


def test_shards(tmp_path):
    written = shards(tmp_path)
    cfg = dict(type='eva_mm.BenchmarkShards', data_root=str(tmp_path))
    data = DATASETS.build(cfg)
    assert len(data) == len(written)
    for index, (pixels, label) in enumerate(written):
        assert np.array_equal(data[index]['img'][..., ::-1], pixels) and data[index]['gt_label'] == label
    assert find_class_names(cfg) == ['airplane', 'basketball court']
    assert find_templates(cfg) == ['an aerial view of {}', 'a satellite photo of a {}']


@pytest.mark.parametrize('odd, what', [('s0000004.cls', 'label'), ('s0000004.webp', 'image')])
def test_a_shard_with_half_a_sample(odd, what, tmp_path):
    shards(tmp_path, odd)
    with pytest.raises(ValueError, match=f'1.tar has no {what} of s0000004'):
        DATASETS.build(dict(type='eva_mm.BenchmarkShards', data_root=str(tmp_path)))


@pytest.mark.parametrize('name', ['classnames.txt', 'zeroshot_classification_templates.txt', 'test'])
def test_what_is_no_folder_of_shards(name, tmp_path):
    shards(tmp_path / 'whole')
    (tmp_path / 'whole' / name).rename(tmp_path / 'away')
    with pytest.raises(FileNotFoundError, match=f'has no {name}'):
        DATASETS.build(dict(type='eva_mm.BenchmarkShards', data_root=str(tmp_path / 'whole')))


@pytest.mark.parametrize('name', ['resisc45', 'fer2013', 'birdsnap'])
def test_a_small_model_is_evaluated(name, tmp_path):
    """The config as it is, but for its folder and the size of the model."""
    cfg = Config.fromfile(CONFIGS / f'zero-shot_{name}.py')
    match name:
        case 'resisc45':
            shards(tmp_path / 'data')
            root = tmp_path / 'data'
        case 'fer2013':
            root = fer2013(tmp_path)
        case 'birdsnap':
            root = tmp_path
            for bird in ('Black_and_white_Warbler', 'Acadian_Flycatcher'):
                (root / 'test' / bird).mkdir(parents=True)
                photograph(30, 20).save(root / 'test' / bird / '0.jpg')
    cfg.test_dataloader.dataset.data_root = str(root)
    words = cfg.model.zero_shot
    if name == 'birdsnap':
        words.classes = str(root / 'test')
        assert find_class_names(words.classes) == ['Acadian Flycatcher', 'Black and white Warbler']
    else:
        words.classes.data_root = words.templates.data_root = str(root)
    cfg.merge_from_dict(
        {
            'model.embed_dim': 16,
            'model.text.width': 16,
            'model.text.heads': 2,
            'model.text.layers': 1,
            'test_dataloader.num_workers': 0,
            'test_dataloader.persistent_workers': False,
            'test_dataloader.batch_size': 4,
            'work_dir': str(tmp_path / 'work'),
        }
    )
    cfg.model.visual.arch = dict(embed_dims=24, num_layers=1, num_heads=2, feedforward_channels=48)
    metrics = Runner.from_cfg(cfg).test()
    assert 0 <= metrics['zero-shot/top1'] <= metrics['zero-shot/top5'] <= 100
