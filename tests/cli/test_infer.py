"""eva-mm infer: what it writes, what it lists, and its exit codes."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from eva_mm.cli import main

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / 'configs' / 'nano' / 'classification.py'


@pytest.fixture(scope='module')
def world(tmp_path_factory):
    """Two images, two files that are none, and a checkpoint that carries its config."""
    from eva_mm.apis import get_model

    root = tmp_path_factory.mktemp('world')
    (root / 'photos').mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (2, 60, 90, 3), dtype=np.uint8)
    for name, image in zip('ab', pixels):
        Image.fromarray(image).save(root / 'photos' / f'{name}.png')
    (root / 'bad').mkdir()
    (root / 'bad' / 'text.jpg').write_text('no image')
    (root / 'bad' / 'empty.png').touch()
    torch.manual_seed(0)
    model = get_model('nano/classification')
    meta = dict(cfg=model._config.pretty_text, dataset_meta=dict(classes=[f'digit {i}' for i in range(10)]))
    torch.save(dict(state_dict=model.state_dict(), meta=meta), root / 'run.pth')
    return root


@pytest.fixture
def infer(capsys, tmp_path):
    """Call the command; returns its exit code, stdout and stderr."""

    def call(*arguments):
        with pytest.raises(SystemExit) as ended:
            main(['infer', *map(str, arguments), '--out', str(tmp_path / 'out')])
        out, err = capsys.readouterr()
        return ended.value.code, out, err

    return call


def test_a_folder_becomes_pictures_json_and_a_sheet(infer, world, tmp_path):
    code, out, _ = infer(CONFIG, world / 'run.pth', world / 'photos', '--batch-size', '2', '--topk', '2', '--amp')
    assert code == 0 and '2 of 2 inputs' in out
    written = json.loads((tmp_path / 'out' / 'predictions.json').read_text())
    assert [each['input'] for each in written] == [str(world / 'photos' / name) for name in ('a.png', 'b.png')]
    for each in written:
        first, second = each['prediction']['top']
        assert first['score'] >= second['score'] > 0 and first['name'] == f'digit {first["label"]}'
    assert sorted(path.name for path in (tmp_path / 'out' / 'pictures').iterdir()) == ['a.png', 'b.png']
    assert Image.open(tmp_path / 'out' / 'contact_sheet.png').width > 200


def test_unreadable_files_are_listed_and_told_by_the_exit_code(infer, world, tmp_path):
    code, out, err = infer(world / 'run.pth', world / 'bad', world / 'photos' / 'a.png')
    assert code == 1 and '1 of 3 inputs' in out
    listed = [line for line in err.splitlines() if line.startswith('unreadable: ')]
    assert len(listed) == 2
    assert str(world / 'bad' / 'empty.png') in listed[0] and str(world / 'bad' / 'text.jpg') in listed[1]
    written = json.loads((tmp_path / 'out' / 'predictions.json').read_text())
    assert ['error' in each for each in written] == [True, True, False]


def test_features_of_a_classifier(infer, world, tmp_path):
    code, *_ = infer(CONFIG, world / 'run.pth', world / 'photos' / 'a.png', '--task', 'features', '--no-pictures')
    assert code == 0
    assert np.load(tmp_path / 'out' / 'features' / 'a.npy').shape == (6, 6, 96)
    assert not (tmp_path / 'out' / 'contact_sheet.png').exists()


@pytest.mark.parametrize(
    'arguments, message',
    [
        (['classification', '{photos}', '--weights-dir', '{root}'], 'eva_21k_1k_336px_psz14_ema_89p6.pt'),
        (['depth', '{photos}'], 'depth is neither a config file nor the name of a model'),
        ([CONFIG, '{root}/run.pth', 'gone.jpg'], "There is no 'gone.jpg'"),
        ([CONFIG, '{root}/run.pth'], 'nothing to look at'),
        ([CONFIG, '{root}/gone.pth', '{photos}'], 'Checkpoint not found'),
        ([CONFIG, '{photos}'], 'No weights were released'),
        ([CONFIG, '{root}/run.pth', '{photos}', '--score-thr', '0.1'], "no option 'score_thr'"),
        ([CONFIG, '{root}/run.pth', '{photos}', '--device', 'toaster'], "'toaster' cannot be used"),
        (['{root}/run.pth', '{photos}', '--data-root', '{photos}'], 'knows its classes itself'),
        ([CONFIG, '{root}/run.pth', '{photos}', '--batch-size', '0'], 'batch_size=0'),
        ([CONFIG, '{root}/run.pth', '{photos}', '--cfg-options', 'modle.x=1'], "no key 'modle'"),
    ],
)
def test_a_wrong_call_is_one_sentence_and_2(infer, world, arguments, message):
    places = dict(root=world, photos=world / 'photos')
    code, _, err = infer(*(str(argument).format(**places) for argument in arguments))
    assert code == 2
    assert message in err.strip().splitlines()[-1] and 'Traceback' not in err
