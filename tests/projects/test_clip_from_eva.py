import importlib.util
import json
from pathlib import Path

import pytest

FILE = Path(__file__).parents[2] / 'projects' / 'clip_from_eva' / 'run.py'


@pytest.fixture(scope='module')
def project():
    spec = importlib.util.spec_from_file_location('clip_from_eva', FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_spikes_are_jumps_and_nothing_else(project):
    falling = [5 - 0.01 * step for step in range(100)]
    assert project.count_spikes(falling) == 0
    jumping = list(falling)
    jumping[50] += 2
    assert project.count_spikes(jumping) == 1
    jumping[80] = float('nan')
    assert project.count_spikes(jumping) == 2


def test_measures_what_mmengine_logs(project, tmp_path):
    log = tmp_path / '20260101' / 'vis_data'
    log.mkdir(parents=True)
    records = [{'loss': 4.0, 'step': 1}, {'loss': 3.0, 'step': 2}, {'zero-shot/top1': 62.5, 'step': 2}]
    (log / 'scalars.json').write_text('\n'.join(map(json.dumps, records)))
    result = project.measure(tmp_path)
    assert result == dict(losses=[(1, 4.0), (2, 3.0)], accuracies=[(2, 62.5)], spikes=0)
    rows = project.table({'eva': [result, result], 'scratch': [result, result]}).splitlines()
    assert rows[2] == '| from EVA | 62.5 | 62.5 | 62.5 | 0 |'
    project.plot({'eva': [result], 'scratch': [result]}, 128, tmp_path / 'curves.png')
    assert (tmp_path / 'curves.png').stat().st_size > 1000
