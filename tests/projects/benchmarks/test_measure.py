import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[3] / 'projects' / 'benchmarks'
sys.path.insert(0, str(FOLDER))


def script(name):
    spec = importlib.util.spec_from_file_location(name, FOLDER / f'{name}.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize('power', [0.5, 1.0, 2.0])
def test_exponent_of_a_power(power):
    from benchmarking.scaling import exponent

    xs = [64, 256, 1024]
    assert exponent(xs, [3 * x**power for x in xs]) == pytest.approx(power)


def test_scaling_report_and_plot(tmp_path, monkeypatch):
    from benchmarking import scaling

    def measured(shape, batch_size, args, threads):
        tokens = (shape.img_size // 14) ** 2
        return {'seconds': batch_size * shape.depth * tokens**2 * 1e-6, 'peak_bytes': batch_size * tokens * 1000}

    class InProcess:
        """A pool that runs what it is given here."""

        def __init__(self, processes):
            assert processes == 1

        __enter__, __exit__ = (lambda self: self), (lambda self, *error: None)

        def apply(self, _, args):
            return measured(*args)

    monkeypatch.setattr(scaling.multiprocessing, 'get_context', lambda method: type('C', (), {'Pool': InProcess}))
    script('measure_scaling').main(['--img-sizes', '28', '56', '112', '--out', str(tmp_path / 'a.json')])
    curves = json.loads((tmp_path / 'a.json').read_text())['curves']
    found = {name: [round(value, 6) for value in curve['exponent'].values()] for name, curve in curves.items()}
    assert found == {'tokens': [2, 1], 'batch': [1, 1], 'depth': [1, 0]}
    assert (tmp_path / 'a.png').stat().st_size > 1000


@pytest.mark.skipif(not Path('/proc/self/clear_refs').exists(), reason='peak memory is read from Linux /proc')
def test_point_is_measured():
    from benchmarking.choices import Shape
    from benchmarking.scaling import point

    args = script('measure_scaling').parse_args(['--repeats', '1'])
    found = point(Shape('nano', 1, 56), 2, args, 1)
    assert found['seconds'] > 0 and found['peak_bytes'] >= 0


def test_mim_step_of_every_contender(tmp_path, capsys):
    pytest.importorskip('mmpretrain')
    options = ['--device', 'cpu', '--arch', 'nano', '--teacher', 'nano', '--img-size', '56', '--batch-size', '2']
    out = tmp_path / 'mim.json'
    script('benchmark_mim_step').main([*options, '--rounds', '1', '--contenders', 'eva_mm', 'timm', '--out', str(out)])
    report = json.loads(out.read_text())
    # 2 images, 17 tokens: linear layers 12 C^2 a token and layer, attention 2 N C, forward and backward; then teacher
    student = 3 * 2 * 4 * 17 * (12 * 96**2 + 2 * 17 * 96)
    teacher = 2 * 2 * 17 * (12 * 64**2 + 2 * 17 * 64)
    assert report['flops'] == 2 * (student + teacher)
    assert list(report['contenders']) == ['eva_mm', 'timm']
    assert 'images/s' in capsys.readouterr().out


@pytest.mark.parametrize('file', script('measure_startup').scripts_with_arguments(), ids=lambda file: file.stem)
def test_no_help_imports_torch(file):
    """That is what makes --help slow."""
    run = subprocess.run([sys.executable, '-X', 'importtime', file, '--help'], capture_output=True, text=True)
    assert run.returncode == 0 and 'usage' in run.stdout
    assert not any(line.endswith(('| torch', '| mmengine')) for line in run.stderr.splitlines())


def test_startup_is_measured_in_fresh_processes():
    startup = script('measure_startup')
    assert 0 < startup.run('print(0.5)') == 0.5
    names = {file.name for file in startup.scripts_with_arguments()}
    assert {'train.py', 'test.py', 'benchmark.py'} <= names
    assert startup.seconds_of_help(FOLDER / 'measure_startup.py', 1) > 0


def test_eomt_and_the_adapter_have_the_same_trunk(tmp_path):
    pytest.importorskip('mmseg')
    from benchmarking.eomt import CONTENDERS, build

    eomt = script('measure_eomt')
    options = ['--arch', 'nano', '--img-size', '64', '--rounds', '2', '--out', str(tmp_path / 'a.json')]
    models = [build(path, eomt.parse_args(options)) for path in CONTENDERS.values()]
    ours, theirs = ({n: w.shape for n, w in model.backbone.blocks.named_parameters()} for model in models)
    assert ours == theirs
    eomt.main(options)
    report = json.loads((tmp_path / 'a.json').read_text())
    pairs = zip(report['seconds']['EoMT'], report['seconds']['adapter + Mask2Former'])
    assert report['speed_ratio'] == pytest.approx(sum(theirs / ours for ours, theirs in pairs) / 2)
