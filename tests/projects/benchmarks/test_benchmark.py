import importlib.util
import json
import sys
from pathlib import Path

import pytest
import torch

FOLDER = Path(__file__).parents[3] / 'projects' / 'benchmarks'
sys.path.insert(0, str(FOLDER))
_spec = importlib.util.spec_from_file_location('benchmark', FOLDER / 'benchmark.py')
benchmark = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(benchmark)
from benchmarking.choices import Shape  # noqa: E402
from benchmarking.contenders import build  # noqa: E402
from benchmarking.matrix_rate import MatrixRate, arithmetic  # noqa: E402
from benchmarking.memory import peak_of  # noqa: E402
from benchmarking.steps import output_of  # noqa: E402
from benchmarking.timing import in_turn, speed_ratios  # noqa: E402

NANO = ['--arch', 'nano', '--depth', '1', '--rounds', '2', '--no-memory']


def test_ratio_is_the_median_over_rounds():
    """A slow machine in one round slows both, so the ratio of that round stays."""
    seconds = {'ours': [1.0, 10.0, 1.0], 'peer': [2.0, 20.0, 5.0]}
    assert speed_ratios(seconds, 'ours') == {'peer': 2.0}


def test_every_second_round_runs_backwards():
    order = []
    works = {name: (lambda name=name: order.append(name) or 1.0) for name in 'ab'}
    assert in_turn(works, 3) == {'a': [1.0] * 3, 'b': [1.0] * 3}
    assert ''.join(order) == 'abbaab'


def test_no_round_begins_after_the_time():
    assert in_turn({'a': lambda: 1.0}, 5, minutes=0) == {'a': [1.0]}


@pytest.mark.parametrize('window', [0, 4])
@torch.no_grad()
def test_plain_form_computes_the_same(window):
    shape = Shape('nano', 4, 112, window)
    image = torch.randn(2, 3, 112, 112)
    ours, plain = (output_of(build(name, shape).eval()(image)) for name in ('eva_mm', 'plain'))
    torch.testing.assert_close(ours, plain, rtol=1e-5, atol=1e-5)


@torch.no_grad()
def test_timm_is_the_same_function():
    """Not only a model of the same size: with equal weights EVA-L's features are equal."""
    pytest.importorskip('timm')
    shape = Shape('large', 1, 28)
    image = torch.randn(1, 3, 28, 28)
    ours, theirs = (build(name, shape).eval() for name in ('eva_mm', 'timm'))
    for own, other in zip(ours.parameters(), theirs.parameters()):
        assert own.shape == other.shape
    torch.testing.assert_close(output_of(ours(image)), output_of(theirs(image)), rtol=1e-5, atol=1e-5)


def test_arithmetic_is_that_of_the_formula():
    with torch.device('meta'):
        linear, x = torch.nn.Linear(8, 16), torch.empty(5, 8, requires_grad=True)
    flops, products = arithmetic(lambda: linear(x).sum().backward())
    assert flops == 3 * 2 * 5 * 8 * 16
    assert products == {(5, 8, 16): 1, (5, 16, 8): 1, (16, 5, 8): 1}
    rate = MatrixRate(products, 'cpu', torch.float32)
    assert rate.flops == flops
    assert rate.seconds(lambda work: work() is not None) == 3


@pytest.mark.skipif(not Path('/proc/self/clear_refs').exists(), reason='peak memory is read from Linux /proc')
def test_peak_counts_what_is_freed_again():
    found = peak_of(lambda: torch.ones(30_000_000).sum(), 'cpu')
    assert found == pytest.approx(120e6, rel=0.1)


@pytest.mark.parametrize('mode', ['forward', 'train'])
def test_report_and_plot(tmp_path, capsys, mode):
    file = tmp_path / 'new' / 'report.json'
    benchmark.main([*NANO, '--img-size', '56', '--against', 'plain', '--mode', mode, '--out', str(file)])
    report = json.loads(file.read_text())
    assert report['contenders'] == ['eva_mm', 'plain']
    assert len(report['time']['seconds']['plain']) == 2
    assert torch.__version__.startswith(report['machine']['versions']['torch'])
    assert file.with_suffix('.png').stat().st_size > 1000
    assert 'ours x' in capsys.readouterr().out


def test_peers_are_those_that_have_such_a_model():
    assert 'open_clip' in benchmark.parse_args([]).against
    assert 'open_clip' not in benchmark.parse_args(['--arch', 'large']).against
    assert benchmark.parse_args(['--window-size', '16']).against == ['plain']
    with pytest.raises(ValueError, match='choose from eva_mm, plain'):
        build('timm', Shape('nano', window_size=4))


@pytest.mark.parametrize(
    ('task', 'host'), [('classification', 'mmpretrain'), ('pretrain', 'mmpretrain'), ('detection', 'mmdet'),
                       ('segmentation', 'mmseg'), ('video', 'mmaction'), ('clip', 'open_clip')],
)  # fmt: skip
@torch.no_grad()
def test_backbone_of_a_config_equals_its_plain_form(task, host):
    pytest.importorskip(host)
    from benchmarking.config_backbone import shape_of

    shape = shape_of(f'{FOLDER.parents[1]}/configs/nano/{task}.py', None, None)
    torch.manual_seed(0)
    inputs = torch.randn(1, *shape.input_size)
    ours, plain = (output_of(build(name, shape).eval()(inputs)) for name in ('eva_mm', 'plain'))
    assert shape.peers == ('plain',) and bool(shape.frames) == (task == 'video')
    torch.testing.assert_close(ours, plain, rtol=1e-4, atol=1e-4)


def test_report_of_a_config(tmp_path):
    pytest.importorskip('mmdet')
    config, out = f'{FOLDER.parents[1]}/configs/nano/detection.py', tmp_path / 'report.json'
    options = ['--config', config, '--rounds', '1', '--no-memory', '--img-size', '64', '--mode', 'train']
    benchmark.main([*options, '--out', str(out)])
    report = json.loads(out.read_text())
    assert report['contenders'] == ['eva_mm', 'plain'] and report['time']['flops'] > 0


@pytest.mark.parametrize(
    ('config', 'message'),
    [('no.py', 'Config not found: no.py'), ('_base_/eva-nano.py', 'neither model.backbone nor model.visual')],
)
def test_a_wrong_config_is_one_sentence(config, message, capsys):
    folder = FOLDER.parents[1] / 'configs'
    with pytest.raises(SystemExit) as end:
        benchmark.main(['--config', str(folder / config) if (folder / config).exists() else config])
    assert end.value.code == 2
    assert message in capsys.readouterr().err
