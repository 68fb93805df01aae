from itertools import islice

import numpy as np
import pytest
from PIL import Image

from eva_mm.datasets.image_text.csv_pairs import ImageTextCSV

PACK = [dict(type='eva_mm.CLIPTokenize', context_length=5), dict(type='eva_mm.PackImageText')]


@pytest.fixture
def table(tmp_path):
    rows = ['filepath\ttitle']
    for number in range(6):
        Image.fromarray(np.full((4, 4, 3), number, np.uint8)).save(tmp_path / f'{number}.png')
        rows.append(f'{number}.png\tnumber {number}')
    rows.append('lost.png\tnumber 6')
    (tmp_path / 'pairs.csv').write_text('\n'.join(rows))
    return tmp_path


def test_every_pair_once_an_epoch(table):
    dataset = ImageTextCSV('pairs.csv', PACK, data_root=str(table), rows_per_shard=2, shuffle_buffer=3)
    samples = list(islice(dataset, 12))
    texts = [sample['data_samples'].text for sample in samples]
    assert sorted(texts[:6]) == sorted(texts[6:]) == [f'number {number}' for number in range(6)]
    assert all(f'number {sample["inputs"][0, 0, 0]}' == text for sample, text in zip(samples, texts))
    assert samples[-1]['data_samples'].place[-1] >= 1


def test_wrong_column(table):
    with pytest.raises(ValueError, match="has the columns filepath, title, expected 'url' and 'title'"):
        ImageTextCSV('pairs.csv', PACK, data_root=str(table), image_column='url')


def test_missing_file(table):
    with pytest.raises(FileNotFoundError, match='There is no csv file'):
        ImageTextCSV('none.csv', PACK, data_root=str(table))
