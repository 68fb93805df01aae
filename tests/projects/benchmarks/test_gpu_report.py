"""The report's driver with steps of a few lines in place of the real ones; the real ones at nano size on the CPU."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / 'projects' / 'benchmarks'
sys.path.insert(0, str(FOLDER))
import gpu_report  # noqa: E402
from gpu_steps import plan, recorder, summaries  # noqa: E402
from gpu_steps.process import run_python  # noqa: E402

HOSTS = ('mmpretrain', 'mmdet', 'open_clip', 'timm')


def step(name='attention', limit=60.0, packages=('torch',)):
    return plan.Step(name, 'A title', limit, packages, 'nothing')


def row(case='one', status='ok', mode='forward'):
    return dict(case=case, status=status, form='fused', mode=mode, kernel='flash', milliseconds=1.5, peak_bytes=2**30)


@pytest.fixture
def report(tmp_path, monkeypatch):
    """Runs the report with a given program as its step; returns exit code and ``report.json``."""

    def run(code, *options, steps=None, problem=None):
        steps = steps or (step(),)

        def fake(arguments, log, limit, threads=None):
            file = arguments[arguments.index('--rows') + 1]
            return run_python(['-c', f'FILE = {file!r}\n{code}'], log, limit)

        monkeypatch.setattr(gpu_report, 'STEPS', steps)
        monkeypatch.setattr(gpu_report, 'select', lambda names: list(steps))
        monkeypatch.setattr(gpu_report, 'probe', lambda device, folder: (problem, {'processor': 'a <CPU>'}))
        monkeypatch.setattr(gpu_report, 'run_python', fake)
        exit_code = gpu_report.main(['--out', str(tmp_path / 'out'), '--device', 'cpu', *options])
        return exit_code, json.loads((tmp_path / 'out' / 'report.json').read_text())

    return run


def writes(*rows):
    lines = ''.join(json.dumps(each) + '\n' for each in rows)
    return f'open(FILE, "a").write({lines!r})\n'


def test_results_go_to_both_files_and_one_line(report, tmp_path, capsys):
    code, found = report(writes(row()))
    assert code == 0
    (part,) = found['steps']
    assert part['status'] == 'done' and part['rows'] == [row()]
    out = capsys.readouterr().out.splitlines()
    assert out[0].startswith('1/1 attention: done after') and '1 measured; one: flash kernel, 1.50 ms' in out[0]
    page = (tmp_path / 'out' / 'report.html').read_text()
    assert 'a &lt;CPU&gt;' in page and '1.000 GiB' in page
    # the picture stands before the table
    assert 0 < page.index('data:image/png') < page.index('<table>')


def test_a_step_beyond_its_limit_is_killed_with_its_children_and_keeps_its_rows(report, tmp_path):
    alive = tmp_path / 'alive'
    child = f'import time; time.sleep(9); open({str(alive)!r}, "w")'
    code = writes(row()) + f'import subprocess, sys, time; subprocess.Popen([sys.executable, "-c", {child!r}])\n'
    code += 'print("last words", flush=True); time.sleep(60)'
    exit_code, found = report(code, steps=(step(limit=6.0), step('mim', packages=('no_such_package',))))
    first, second = found['steps']
    assert first['status'] == 'cut off' and first['rows'] == [row()] and 'last words' in first['log']
    assert 6 <= first['seconds'] < 9
    assert second['line'] == 'skipped: missing: no_such_package'
    # a step that needs more time than it has is no failure
    assert exit_code == 0
    import time

    time.sleep(4)
    assert not alive.exists()


def test_a_crash_loses_one_step_only(report):
    code = f'import os\nif "attention" in FILE:\n    {writes(row())}    os.abort()'
    exit_code, found = report(code, steps=(step(), step('mim')))
    assert [part['status'] for part in found['steps']] == ['failed', 'done']
    assert 'failed with exit code -6' in found['steps'][0]['line'] and exit_code == 1
    assert found['steps'][0]['rows'] == [row()]


@pytest.mark.parametrize('status', ['failed', 'beyond its bound'])
def test_a_bad_result_is_named_and_sets_the_exit_code(report, capsys, status):
    exit_code, _ = report(writes(row(), {**row('two', status), 'message': 'why'}))
    assert exit_code == 1
    assert f'    two, fused, forward: {status}: why' in capsys.readouterr().out.splitlines()


def test_without_a_device_every_step_is_one_line(report, capsys):
    exit_code, _ = report('raise SystemExit(3)', steps=(step('mim'), step()), problem='no CUDA device is available')
    assert exit_code == 1
    assert [line.split(': ', 1)[1] for line in capsys.readouterr().out.splitlines()[:2]] == [
        'skipped: no CUDA device is available'
    ] * 2


def test_time_is_shared(report):
    _, found = report('import time; time.sleep(4)', '--minutes', '0.14', steps=(step('mim'), step()))
    assert found['steps'][0]['limit'] <= 8.4
    assert found['steps'][1]['line'] == 'skipped: no time is left'


def test_a_device_that_is_not_there(tmp_path):
    import torch

    if torch.cuda.is_available():
        pytest.skip('there is a CUDA device')
    problem, machine = gpu_report.probe('cuda', tmp_path)
    assert problem.startswith('no CUDA device is available') and machine['versions']['torch']


def test_list_names_order_limits_and_needs(capsys):
    assert gpu_report.main(['--list']) == 0
    out = capsys.readouterr().out
    order = [out.index(each.name) for each in plan.STEPS]
    assert order == sorted(order) and all(f'{each.limit:.0f} s' in out for each in plan.STEPS)
    assert [each.name for each in plan.STEPS] == ['parity', 'training', 'mim', 'detector', 'attention']
    # all of it fits the default eight minutes
    assert sum(each.limit for each in plan.STEPS) <= 480


@pytest.mark.parametrize(
    ('error', 'status', 'message'),
    [
        (ModuleNotFoundError("No module named 'mmdet.models'", name='mmdet.models'), 'skipped', 'mmdet is missing'),
        (RuntimeError('CUDA error: out of memory'), 'skipped', 'out of memory'),
        (RuntimeError('"nms" not implemented for \'Half\''), 'skipped', 'not implemented'),
        (ValueError('first\nsecond'), 'failed', 'ValueError: first second'),
        (RuntimeError('x' * 999), 'failed', '...'),
    ],
)
def test_what_goes_wrong_in_a_case_is_one_line(tmp_path, error, status, message):
    log = recorder.Recorder(tmp_path / 'rows')
    with log.case('a', form='b'):
        raise error
    log.add('next')
    first, second = recorder.read(tmp_path / 'rows')
    assert (first['case'], first['form'], first['status']) == ('a', 'b', status)
    assert message in first['message'] and '\n' not in first['message'] and len(first['message']) < 240
    assert second == {'case': 'next', 'status': 'ok'}
    assert summaries.problems([first, second]) == [f'a, b: {status}: {first["message"]}']


def test_a_torn_line_is_left_out(tmp_path):
    (tmp_path / 'rows').write_text('{"case": "a"}\n{"case": "b", "sta')
    assert recorder.read(tmp_path / 'rows') == [{'case': 'a'}]


@pytest.mark.skipif(not Path('/proc/self/clear_refs').exists(), reason='peak memory is read from Linux /proc')
def test_dry_run(tmp_path):
    """Training has a test of its own; ``projects/benchmarks/dry_run.sh`` runs everything by a bare Python 3.12."""
    for host in HOSTS:
        pytest.importorskip(host)
    names = ['parity', 'mim', 'detector', 'attention']
    command = [sys.executable, FOLDER / 'gpu_report.py', '--device', 'cpu', '--size', 'nano', '--out', tmp_path]
    done = subprocess.run([*command, '--steps', *names], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads((tmp_path / 'report.json').read_text())
    rows = {part['name']: part['rows'] for part in report['steps']}
    assert list(rows) == names and {part['status'] for part in report['steps']} == {'done'}, done.stdout
    skipped = [each for part in rows.values() for each in part if each['status'] != 'ok']
    assert [each['case'] for each in skipped] == ['compiled, batch 2']
    # the CPU against itself: equal in fp32, rounded otherwise
    for each in rows['parity']:
        error = max(each['output_error'], each['gradient_error'])
        assert error == 0 or each['precision'] != 'fp32', each
    assert {each['precision'] for each in rows['parity'] if each['output_error']} == {
        'fp16', 'bf16', 'autocast fp16', 'autocast bf16'
    }  # fmt: skip
    page = (tmp_path / 'report.html').read_text()
    assert page.count('data:image/png') == 4
    assert sorted(file.name for file in tmp_path.iterdir()) == ['logs', 'report.html', 'report.json']
