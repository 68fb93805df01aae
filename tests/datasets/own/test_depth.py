import cv2
import numpy as np
import pytest
from PIL import Image

from eva_mm.datasets.own.classification import inspect_classification
from eva_mm.datasets.own.depth import depth_remarks


@pytest.mark.parametrize('suffix', ['png', 'tif'])
@pytest.mark.parametrize('channels', [1, 3])
def test_12_bits_in_16_are_said(tmp_path, suffix, channels):
    pixels = (np.arange(4080, dtype=np.uint16)[:4000].reshape(40, 100, 1) + np.zeros(channels, np.uint16)).squeeze()
    cv2.imwrite(str(tmp_path / f'deep.{suffix}'), pixels)
    Image.new('RGB', (9, 9)).save(tmp_path / f'plain.{suffix}')
    (remark,) = depth_remarks([tmp_path / f'plain.{suffix}', tmp_path / f'deep.{suffix}'])
    assert remark.startswith('1 of 2 images looked at have more than 8 bits') and f'deep.{suffix}' in remark
    # what the sentence warns of
    assert len(np.unique(cv2.imread(str(tmp_path / f'deep.{suffix}')))) <= 17


def test_floats_are_refused_and_broken_files_left_to_the_reader(tmp_path):
    (tmp_path / 'broken.png').write_bytes(b'\x89PNG\r\n\x1a\n')
    assert depth_remarks([tmp_path / 'broken.png', tmp_path / 'none.png']) == []
    Image.fromarray(np.zeros((4, 4), np.float32)).save(tmp_path / 'x.tif')
    with pytest.raises(ValueError, match='x.tif has floating-point values'):
        depth_remarks([tmp_path / 'x.tif'])


def test_a_folder_of_classes_says_it(tmp_path):
    for split in ('train', 'val'):
        for name in ('cat', 'dog'):
            (tmp_path / split / name).mkdir(parents=True)
            cv2.imwrite(str(tmp_path / split / name / 'x.png'), np.full((9, 9), 4000, np.uint16))
    assert '4 of 4 images looked at have more than 8 bits' in inspect_classification(tmp_path).remarks[-1]
    assert 'the largest value is 4,000' in inspect_classification(tmp_path).remarks[-1]
