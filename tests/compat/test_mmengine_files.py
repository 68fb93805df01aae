"""Files of data that mmengine and the hosts open by themselves."""

import json
import os
import pickle

import mmengine
import numpy as np
import pytest
from hostile import Call, evil_pickle
from mmengine.fileio import get, get_text


@pytest.mark.parametrize('name', ['x.pkl', 'x.pickle'])
def test_a_pickle_runs_no_code(name, tmp_path):
    (tmp_path / name).write_bytes(evil_pickle(tmp_path / 'made'))
    with pytest.raises(ValueError, match='could run code'):
        mmengine.load(tmp_path / name)
    assert not (tmp_path / 'made').exists()


def test_pickles_of_annotations_are_read(tmp_path):
    written = [dict(frame_dir='a', label=1, keypoint=np.arange(6.0).reshape(2, 3))]
    mmengine.dump(written, tmp_path / 'x.pkl')
    (read,) = mmengine.load(tmp_path / 'x.pkl')
    assert read['label'] == 1 and (read['keypoint'] == written[0]['keypoint']).all()


@pytest.mark.parametrize('name', ['x.yaml', 'x.yml'])
def test_yaml_runs_no_code(name, tmp_path):
    import yaml

    (tmp_path / name).write_text(f'!!python/object/apply:os.mkdir ["{tmp_path}/made"]')
    with pytest.raises(yaml.YAMLError):
        mmengine.load(tmp_path / name)
    assert not (tmp_path / 'made').exists()
    (tmp_path / name).write_text('a: [1, 2]')
    assert mmengine.load(tmp_path / name) == {'a': [1, 2]}


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / 'x.jpg')
    for read in (get, get_text, mmengine.load):
        with pytest.raises(ValueError, match='named pipe'):
            read(str(tmp_path / 'x.jpg'), **({'file_format': 'json'} if read is mmengine.load else {}))
    with pytest.raises(ValueError, match='character device'):
        get('/dev/zero')


def test_a_byte_order_mark_in_json_is_accepted(tmp_path):
    (tmp_path / 'x.json').write_bytes(b'\xef\xbb\xbf' + json.dumps([1]).encode())
    assert mmengine.load(tmp_path / 'x.json') == [1]


def test_cifar_of_mmpretrain_unpickles_arrays_alone(tmp_path):
    cifar = pytest.importorskip('mmpretrain.datasets.cifar')
    data = {'data': np.arange(12, dtype=np.uint8).reshape(2, 6), 'labels': [1, 2]}
    # as Python 2 wrote it
    read = cifar.pickle.loads(pickle.dumps(data, 2), encoding='latin1')
    assert (read['data'] == data['data']).all() and read['labels'] == [1, 2]
    with pytest.raises(ValueError, match='could run code'):
        cifar.pickle.loads(evil_pickle(tmp_path / 'made'))
    assert not (tmp_path / 'made').exists()


def test_mmseg_and_mmdet_unpickle_no_code(tmp_path):
    io = pytest.importorskip('mmseg.utils.io')
    with pytest.raises(ValueError, match='could run code'):
        io.datafrombytes(evil_pickle(tmp_path / 'made'), backend='pickle')
    openimages = pytest.importorskip('mmdet.datasets.openimages')
    np.save(tmp_path / 'x.npy', np.array([Call(os.mkdir, str(tmp_path / 'made'))], dtype=object))
    with pytest.raises(ValueError):
        openimages.np.load(tmp_path / 'x.npy', allow_pickle=True)
    np.save(tmp_path / 'y.npy', np.eye(2))
    assert openimages.np.load(tmp_path / 'y.npy', allow_pickle=True).sum() == 2
    assert not (tmp_path / 'made').exists()
