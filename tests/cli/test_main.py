"""The command eva-mm: verbs, what --help costs, and that tools/*.py are the same commands."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from eva_mm.cli import VERBS, main

ROOT = Path(__file__).parents[2]
THIN = {
    'train': 'train.py',
    'test': 'test.py',
    'infer': 'infer.py',
    'demo': 'demo_app.py',
    'new-config': 'misc/new_config.py',
    'publish': 'misc/publish_model.py',
    'average': 'misc/average_checkpoints.py',
    'convert': 'model_converters/convert_eva.py',
    'export-open-clip': 'model_converters/export_open_clip.py',
    'index': 'dataset_converters/make_merged_index.py',
    'plan': 'analysis_tools/plan_training.py',
}


def _run(*command):
    return subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, text=True, timeout=120)


def imported(log):
    """Modules that Python imported, by the log of ``-X importtime``."""
    return {line.rsplit('|', 1)[1].strip() for line in log.splitlines() if line.startswith('import time:')}


def test_help_lists_every_verb_and_imports_no_torch():
    done = _run('-X', 'importtime', '-m', 'eva_mm.cli', '--help')
    assert done.returncode == 0
    for verb, text in VERBS.items():
        assert f'  {verb}' in done.stdout and text in done.stdout
    assert not imported(done.stderr) & {'torch', 'mmengine', 'numpy', 'yaml'}


def test_help_is_quick():
    """Three tries: the machine may be busy."""
    times = []
    for _ in range(3):
        begin = time.perf_counter()
        _run('-m', 'eva_mm.cli', '--help')
        times.append(time.perf_counter() - begin)
    assert min(times) < 0.3


@pytest.mark.parametrize('verb', VERBS)
def test_every_verb_has_its_help_without_torch(verb):
    done = _run('-X', 'importtime', '-m', 'eva_mm.cli', verb, '--help')
    assert done.returncode == 0 and done.stdout.startswith(f'usage: eva-mm {verb}')
    assert 'torch' not in imported(done.stderr)


@pytest.mark.parametrize(('verb', 'tool'), THIN.items())
def test_a_tool_has_the_options_of_its_verb(verb, tool, capsys):
    done = _run(f'tools/{tool}', '--help')
    with pytest.raises(SystemExit):
        main([verb, '--help'])
    expected = capsys.readouterr().out
    assert done.returncode == 0
    assert done.stdout.split('options:')[1] == expected.split('options:')[1]
    assert len((ROOT / 'tools' / tool).read_text().splitlines()) <= 9


def test_an_unknown_verb_suggests_the_nearest(capsys):
    with pytest.raises(SystemExit) as ended:
        main(['trian'])
    assert ended.value.code == 2
    assert capsys.readouterr().err == (
        "error: eva-mm has no verb 'trian': did you mean train? eva-mm --help lists them.\n"
    )


def test_version(capsys):
    from eva_mm import __version__

    main(['--version'])
    assert capsys.readouterr().out == f'eva-mm {__version__}\n'


def test_list_names_task_file_and_licence(capsys):
    main(['list', 'eva-l-p14_in1k', '--task', 'classification'])
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ['eva-l-p14_in1k-196px', 'classification', 'eva_l_psz14_196px_1k_ft_88p0.pt', 'MIT'] in rows
    assert all(row[1] == 'classification' for row in rows)
    with pytest.raises(SystemExit):
        main(['list', '--task', 'depth'])
    assert "task='depth' is unknown" in capsys.readouterr().err


def test_without_a_host_the_extras_are_named(tmp_path):
    """As after ``pip install eva_mm``; listing works."""
    (tmp_path / 'mmengine.py').write_text("raise ModuleNotFoundError(\"No module named 'mmengine'\", name='mmengine')")
    code = f'import sys; sys.path.insert(0, {str(tmp_path)!r}); from eva_mm.cli import main; main(sys.argv[1:])'
    done = _run('-c', code, 'train', 'nano/detection')
    assert done.returncode == 2
    assert done.stderr.startswith('error: mmengine is not installed: pip install "eva_mm[EXTRA]" with pretrain, det')
    assert 'nano/detection' in _run('-c', code, 'list', '--task', 'detection').stdout
