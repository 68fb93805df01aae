import os
from itertools import islice
from unittest.mock import patch

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


def test_a_byte_order_mark_is_accepted(table):
    content = (table / 'pairs.csv').read_bytes()
    (table / 'pairs.csv').write_bytes(b'\xef\xbb\xbf' + content)
    assert len(ImageTextCSV('pairs.csv', PACK, data_root=str(table)).rows) == 7


def test_rows_without_a_caption_are_skipped_counted_and_named(table):
    with (table / 'pairs.csv').open('a') as file:
        file.write('\n1.png\n2.png\t\n\t text\n')
    with patch('eva_mm.datasets.image_text.csv_pairs.print_log') as log:
        dataset = ImageTextCSV('pairs.csv', PACK, data_root=str(table), shuffle_buffer=3)
    assert len(dataset.rows) == 7
    line = log.call_args[0][0]
    assert 'pairs.csv: 3 of 10 rows have no image or no caption and are skipped, the first ends in line 9' in line
    assert len(list(islice(dataset, 12))) == 12


def test_a_row_that_is_no_csv_is_named(table):
    with (table / 'pairs.csv').open('ab') as file:
        file.write(b'\n\xff\xfe.png\tx\n')
    with pytest.raises(ValueError, match='pairs.csv, line 9: not UTF-8 text'):
        ImageTextCSV('pairs.csv', PACK, data_root=str(table))


def test_a_pipe_named_in_a_row_is_not_waited_for(table):
    os.mkfifo(table / 'pipe.png')
    (table / 'pairs.csv').write_text('filepath\ttitle\npipe.png\ta\n/dev/zero\tb\n1.png\tnumber 1\n')
    (sample,) = islice(ImageTextCSV('pairs.csv', PACK, data_root=str(table)), 1)
    assert sample['data_samples'].text == 'number 1'
