import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip('mmpretrain')
FOLDER = Path(__file__).parents[3] / 'projects' / 'benchmarks'
CONFIGS = Path(__file__).parents[3] / 'configs'
sys.path.insert(0, str(FOLDER))
_spec = importlib.util.spec_from_file_location('measure_input', FOLDER / 'measure_input.py')
measure_input = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(measure_input)


@pytest.fixture(scope='module')
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp('images')
    for name in 'ab':
        Image.fromarray(np.full((60, 80, 3), 90, np.uint8)).save(folder / f'{name}.jpg')
    return folder


@pytest.mark.parametrize(
    ('config', 'steps'),
    [
        ('nano/pretrain.py', ['MergedImages.load', 'RandomFlip', 'PillowRandomResizedCrop', 'BlockwiseMask']),
        ('nano/classification.py', ['LoadImageFromFile', 'PillowRandomResizedCrop', 'RandomFlip', 'PillowRandAugment']),
    ],
)
def test_report(config, steps, images, tmp_path, capsys):
    out = tmp_path / 'new' / 'input.json'
    options = ['--config', str(CONFIGS / config), '--images', str(images), '--images-per-round', '3', '--rounds', '2']
    measure_input.main([*options, '--out', str(out)])
    report = json.loads(out.read_text())
    assert list(report['own_milliseconds']) == [*steps, 'PackInputs']
    assert report['images']['files'] == 2 and report['images']['mean_megapixels'] == 0.0048
    assert [len(seconds) for seconds in report['seconds'].values()] == [2, 2, 2]
    for name, speed in report['images_per_second'].items():
        assert report['cores'][name] == pytest.approx(300 / speed)
    assert set(report['speed_ratio']) == {'torchvision', 'torchvision, uint8'}
    assert 'cores for 300' in capsys.readouterr().out


def test_peers_do_the_same_to_the_pixels(images):
    """Without chance in it, what ours and torchvision's pipeline make of an image is equal."""
    from benchmarking.input_pipelines import own_steps, torchvision_steps

    from eva_mm.apis import load_config

    cfg = load_config(str(CONFIGS / 'nano' / 'pretrain.py'))
    pipeline = cfg.train_dataloader.dataset.pipeline
    pipeline[1].update(crop_ratio_range=(1.0, 1.0), aspect_ratio_range=(1.0, 1.0))
    file = images.parent / 'square' / 'a.png'
    file.parent.mkdir()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (50, 50, 3), dtype=np.uint8)).save(file)
    ours, theirs = own_steps(cfg, file.parent, [file]), torchvision_steps(cfg, [file], normalised=False)
    values = []
    for steps in (ours, theirs):
        value = 0
        for _, step in steps:
            value = step(value)
        values.append(value)
    assert np.array_equal(values[0]['inputs'].flip(0), values[1])


def test_made_photographs_are_photographs(tmp_path):
    pytest.importorskip('sklearn')
    from benchmarking.photographs import write_photographs

    files = write_photographs(tmp_path)
    assert len({file.read_bytes() for file in files}) == 8
    assert all(Image.open(file).size == (500, 375) and 20_000 < file.stat().st_size < 120_000 for file in files)


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (['--config', 'no.py'], 'Config not found: no.py'),
        (['--config', str(CONFIGS / 'nano' / 'detection.py')], 'has no RandomResizedCrop'),
        (['--images', str(CONFIGS)], 'There is no image below'),
    ],
)
def test_wrong_input_is_told_in_one_sentence(options, message, images, capsys):
    options = options if '--images' in options else [*options, '--images', str(images)]
    with pytest.raises(SystemExit) as end:
        measure_input.main(options)
    assert end.value.code == 2
    assert message in capsys.readouterr().err
