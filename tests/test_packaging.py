"""The wheel carries configs and tools as eva_mm/.mim."""

import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_wheel_carries_configs_and_tools(tmp_path):
    source = tmp_path / 'source'
    files = subprocess.run(
        ['git', 'ls-files', '--cached', '--others', '--exclude-standard'], cwd=ROOT, capture_output=True, text=True
    ).stdout.split('\n')
    for name in filter(None, files):
        if name.split('/')[0] in ('eva_mm', 'configs', 'tools') or '/' not in name:
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    built = subprocess.run(
        [sys.executable, '-m', 'pip', 'wheel', '--no-deps', '--no-build-isolation', '-q', '-w', str(tmp_path), '.'],
        cwd=source, capture_output=True, text=True,
    )  # fmt: skip
    assert built.returncode == 0, built.stderr
    (wheel,) = tmp_path.glob('eva_mm-*.whl')
    names = set(zipfile.ZipFile(wheel).namelist())
    assert 'eva_mm/.mim/model-index.yml' in names
    assert {f'eva_mm/.mim/{name}' for name in ('tools/train.py', 'tools/test.py')} <= names
    configs = {str(path.relative_to(ROOT)) for path in (ROOT / 'configs').rglob('*.py')}
    assert {f'eva_mm/.mim/{name}' for name in configs} <= names
    assert not any(name.startswith(('tests/', 'projects/')) or '__pycache__' in name for name in names)
    for package in (ROOT / 'eva_mm').rglob('__init__.py'):
        assert str(package.relative_to(ROOT)) in names
