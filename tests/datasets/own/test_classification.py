import pytest

from eva_mm.datasets.own.classification import inspect_classification


def _folder(root, **splits):
    for split, classes in splits.items():
        for name, files in classes.items():
            (root / split / name).mkdir(parents=True)
            for file in files:
                (root / split / name / file).touch()
    return root


def test_counts_classes_and_images(tmp_path):
    train = {'.cache': [], 'cat': ['1.jpg', '2.PNG'], 'dog': ['1.jpeg', 'notes.txt']}
    root = _folder(tmp_path, train=train, val={'cat': ['3.jpg']})
    found = inspect_classification(root)
    assert found.classes == ('cat', 'dog')
    assert found.counts == {'train': 3, 'val': 1}
    first, second = found.remarks
    assert first == '1 classes have no validation image, the first is dog.'
    assert second.startswith('Skipped: 1 files with other suffixes (') and second.endswith('/train/dog/notes.txt).')


def test_options_set_every_head_and_loader(tmp_path):
    found = inspect_classification(_folder(tmp_path, train={'a': ['1.jpg'], 'b': ['1.jpg']}, val={'a': ['1.jpg']}))
    cfg = {
        'model': {'head': {'num_classes': 1000}, 'data_preprocessor': {'num_classes': 1000}},
        'train_dataloader': {'dataset': {'type': 'ImageNet', 'split': 'train', 'pipeline': []}},
        'val_dataloader': {'dataset': {'type': 'ImageNet', 'pipeline': []}},
    }
    options = found.options(cfg)
    assert options['model.head.num_classes'] == options['model.data_preprocessor.num_classes'] == 2
    for split in ('train', 'val'):
        dataset = options[f'{split}_dataloader.dataset']
        assert dataset['data_prefix'] == {'img_path': split} and dataset['metainfo'] == {'classes': ('a', 'b')}
    assert not any(key.startswith('test_dataloader') for key in options)


@pytest.mark.parametrize(
    'splits, error, message',
    [
        ({'train': {'a': ['1.jpg']}}, FileNotFoundError, "has no folder 'val'"),
        ({'train': {'a': ['1.jpg'], 'b': ['1.jpg']}, 'val': {'c': ['1.jpg']}}, ValueError, "has the class 'c'"),
        ({'train': {'a': ['1.jpg']}, 'val': {'a': ['1.jpg']}}, ValueError, 'at least two are expected'),
        ({'train': {'a': ['1.jpg'], 'b': ['1.txt']}, 'val': {'a': ['1.jpg']}}, ValueError, 'b has no image'),
        ({'train': {'a': ['1.jpg'], 'b': ['1.jpg']}, 'val': {'a': []}}, FileNotFoundError, 'val has no image'),
    ],
)
def test_a_wrong_folder_is_one_sentence(tmp_path, splits, error, message):
    with pytest.raises(error, match=message):
        inspect_classification(_folder(tmp_path, **splits))
