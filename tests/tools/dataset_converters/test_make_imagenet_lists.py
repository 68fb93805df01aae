import json
import os
import runpy
from pathlib import Path

import pytest

TOOL = str(Path(__file__).parents[3] / 'tools/dataset_converters/make_imagenet_lists.py')


@pytest.fixture
def run(monkeypatch, capsys):
    def call(*arguments):
        monkeypatch.setattr('sys.argv', [TOOL, *map(str, arguments)])
        runpy.run_path(TOOL, run_name='__main__')
        return capsys.readouterr().out

    return call


def touch(root, *files):
    for file in files:
        path = root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b'')


@pytest.fixture
def imagenet(tmp_path):
    root = tmp_path / 'imagenet'
    touch(root, 'train/n03/x.JPEG', 'train/n01/x.JPEG', 'train/n02/x.JPEG')
    touch(root, 'val/n02/ILSVRC2012_val_00000001.JPEG', 'val/n01/ILSVRC2012_val_00000002.JPEG')
    return root


@pytest.fixture
def variants(tmp_path):
    root = tmp_path / 'variants'
    touch(root, 'imagenetv2-matched-frequency-format-val/2/a.jpeg', 'imagenetv2-matched-frequency-format-val/0/b.jpeg')
    touch(root, 'imagenet-a/n03/a.jpg', 'imagenet-a/README.txt', 'sketch/n01/sketch_1.JPEG')
    touch(root, 'objectnet-1.0/images/chair/a.png', 'objectnet-1.0/images/glue/b.png')
    mappings = {
        'folder_to_objectnet_label.json': {'chair': 'Chair', 'glue': 'Glue'},
        'objectnet_to_imagenet_1k.json': {'Chair': 'folding chair; rocking chair, rocker'},
        # the network's output 0 is line 2 of the list
        'pytorch_to_imagenet_2012_id.json': {'0': 2, '1': 0, '2': 1},
    }
    folder = root / 'objectnet-1.0/mappings'
    folder.mkdir()
    for name, content in mappings.items():
        (folder / name).write_text(json.dumps(content))
    (folder / 'imagenet_to_label_2012_v2').write_text('rocking chair, rocker\nlamp\nfolding chair\n')
    (root / 'real.json').write_text('[[1, 2], []]')
    return root


def listed(path):
    return json.loads(path.read_text())


def test_every_variant_in_its_own_format(run, imagenet, variants):
    out = run('robustness', imagenet, variants)
    assert listed(imagenet / 'meta/imagenet-1k.json') == {
        'name': 'imagenet-1k',
        'candidates': None,
        'images': [
            {'path': 'val/n02/ILSVRC2012_val_00000001.JPEG', 'labels': [1], 'real': [1, 2]},
            {'path': 'val/n01/ILSVRC2012_val_00000002.JPEG', 'labels': [0], 'real': []},
        ],
    }
    lists = variants / 'lists'
    assert listed(lists / 'imagenet-v2.json')['images'] == [
        {'path': 'imagenetv2-matched-frequency-format-val/0/b.jpeg', 'labels': [0]},
        {'path': 'imagenetv2-matched-frequency-format-val/2/a.jpeg', 'labels': [2]},
    ]
    assert listed(lists / 'imagenet-a.json') == {
        'name': 'imagenet-a',
        'candidates': [2],
        'images': [{'path': 'imagenet-a/n03/a.jpg', 'labels': [2]}],
    }
    assert listed(lists / 'imagenet-sketch.json')['candidates'] is None
    # in the order of ObjectNet's mapping; glue is no class of ImageNet-1K
    assert listed(lists / 'objectnet.json')['images'] == [
        {'path': 'objectnet-1.0/images/chair/a.png', 'labels': [0, 1]}
    ]
    assert 'left out, for want of files: imagenet-r' in out


def test_labels_of_val_may_come_from_a_list(run, imagenet, variants):
    (imagenet / 'meta').mkdir()
    (imagenet / 'meta/val.txt').write_text('ILSVRC2012_val_00000002.JPEG 2\nILSVRC2012_val_00000001.JPEG 1\n')
    run('robustness', imagenet, variants)
    images = listed(imagenet / 'meta/imagenet-1k.json')['images']
    assert [(image['path'], image['labels']) for image in images] == [
        ('val/ILSVRC2012_val_00000001.JPEG', [1]),
        ('val/ILSVRC2012_val_00000002.JPEG', [2]),
    ]


def test_imagenet21k(run, tmp_path):
    touch(tmp_path, 'n02/b.JPEG', 'n01/a.JPEG', 'n01/c.JPEG')
    run('imagenet21k', tmp_path, '--classes', 2)
    assert (tmp_path / 'meta/train.txt').read_text() == 'n01/a.JPEG 0\nn01/c.JPEG 0\nn02/b.JPEG 1\n'
    assert (tmp_path / 'meta/classes.txt').read_text() == 'n01\nn02\n'


def test_bad_input_is_one_sentence(run, imagenet, variants, tmp_path):
    touch(tmp_path, 'in21k/n01/a.JPEG')
    with pytest.raises(SystemExit, match='has 1 folders of classes, expected 21,841'):
        run('imagenet21k', tmp_path / 'in21k')
    with pytest.raises(SystemExit, match='nothing does not exist'):
        run('robustness', tmp_path / 'nothing', variants)
    touch(variants, 'imagenet-r/n99/a.jpg')
    with pytest.raises(SystemExit, match='folder n99, which is no class of this ImageNet-1K'):
        run('robustness', imagenet, variants)


def test_lists_with_a_byte_order_mark_are_read_and_a_bad_line_is_named(run, imagenet, variants):
    (imagenet / 'meta').mkdir()
    val = imagenet / 'meta/val.txt'
    val.write_bytes(b'\xef\xbb\xbfILSVRC2012_val_00000002.JPEG 2\r\n\r\nILSVRC2012_val_00000001.JPEG 1\r\n')
    run('robustness', imagenet, variants)
    images = listed(imagenet / 'meta/imagenet-1k.json')['images']
    assert [image['path'] for image in images] == [f'val/ILSVRC2012_val_0000000{number}.JPEG' for number in (1, 2)]
    val.write_text('ILSVRC2012_val_00000002.JPEG 2\nx.JPEG \x1b[2J\n')
    with pytest.raises(SystemExit, match=r"val.txt, line 2: expected a path and a number, found 'x.JPEG \\x1b\[2J'"):
        run('robustness', imagenet, variants)
    (variants / 'real.json').write_text('{"a": 1}')
    val.unlink()
    with pytest.raises(SystemExit, match='real.json holds a dict, expected a list'):
        run('robustness', imagenet, variants)


def test_what_is_left_out_is_counted(run, tmp_path):
    touch(tmp_path, 'n01/a.JPEG', 'n01/b.tif', 'n01/deep/c.JPEG', 'n02/d.JPEG')
    os.mkfifo(tmp_path / 'n02/e.JPEG')
    said = run('imagenet21k', tmp_path, '--classes', 2)
    assert said.startswith(str(tmp_path)) and 'meta' not in said.splitlines()[0]
    assert '2 directories, dead links and devices' in said and '1 files with other suffixes' in said
    assert (tmp_path / 'meta/train.txt').read_text() == 'n01/a.JPEG 0\nn02/d.JPEG 1\n'
