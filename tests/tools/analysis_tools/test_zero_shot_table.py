import importlib.util
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
_spec = importlib.util.spec_from_file_location('zst', ROOT / 'tools' / 'analysis_tools' / 'zero_shot_table.py')
zero_shot_table = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(zero_shot_table)

# release, clip/README.md and clip/benchmark.md
PUBLISHED = {
    'in1k': 78.53, 'in-v2': 71.52, 'in-a': 73.59, 'in-r': 92.5, 'in-sketch': 67.31, 'objectnet': 72.33,
    'cifar10': 98.31, 'cifar100': 88.66, 'ucf101': 76.05, 'k400': 65.23, 'k600': 64.38, 'k700': 58.4,
    'sun397': 74.15, 'voc2007': 83.23, 'birdsnap': 50, 'caltech101': 87.72, 'cars': 91.71, 'country211': 28.63,
    'dtd': 61.33, 'eurosat': 73.57, 'fer2013': 52.17, 'aircraft': 32.37, 'flowers': 74.47, 'food101': 93.46,
    'gtsrb': 49.12, 'mnist': 62.34, 'pets': 94.22, 'stl10': 98.89, 'resisc45': 70.3, 'pcam': 49.88,
    'renderedsst2': 58.38,
}  # fmt: skip


@pytest.fixture
def finished(tmp_path):
    """A folder in which every set is done, and a checkpoint."""
    for name, value in PUBLISHED.items():
        (tmp_path / f'{name}.json').write_text(json.dumps({zero_shot_table.SETS[name][1]: value, 'other': 1.0}))
    (tmp_path / 'clip.pt').touch()
    return tmp_path


def test_average_and_gap(finished, capsys):
    zero_shot_table.main([str(finished / 'clip.pt'), '--out', str(finished)])
    out = capsys.readouterr().out
    assert out == (finished / 'table.md').read_text()
    assert '| ImageNet-A | 73.59 |' in out and '| Kinetics-700 | 58.40 |' in out
    assert '| average of 12 | 75.57 |' in out
    assert '| robustness gap | 2.57 |' in out
    assert 'average of 27' not in out and 'MNIST' not in out


def test_all_the_sets_of_the_release(finished, capsys):
    """Its clip/benchmark.md has 71.43 as the average of 27."""
    zero_shot_table.main([str(finished / 'clip.pt'), '--out', str(finished), '--sets', 'all'])
    out = capsys.readouterr().out
    assert '| average of 12 | 75.57 |' in out and '| average of 27 | 71.43 |' in out


def test_no_average_of_some_sets(finished, capsys):
    zero_shot_table.main([str(finished / 'clip.pt'), '--out', str(finished), '--sets', 'in1k', 'k400'])
    out = capsys.readouterr().out
    assert 'average' not in out and 'gap' not in out and out.count('\n') == 4


def test_every_set_has_its_config():
    assert all((ROOT / 'configs' / 'clip' / f'zero-shot_{name}.py').is_file() for name in zero_shot_table.SETS)


def test_no_checkpoint(tmp_path, capsys):
    with pytest.raises(SystemExit):
        zero_shot_table.main([str(tmp_path / 'none.pt'), '--out', str(tmp_path)])
    assert 'There is no checkpoint' in capsys.readouterr().err


def test_a_set_that_fails(tmp_path, capsys):
    (tmp_path / 'clip.pt').touch()
    with pytest.raises(SystemExit):
        zero_shot_table.main([str(tmp_path / 'clip.pt'), '--out', str(tmp_path), '--sets', 'in1k'])
    assert 'zero-shot_in1k.py failed, see above' in capsys.readouterr().err
