"""Which way imports may point, read from the sources."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / 'eva_mm'
HOSTS = {'mmpretrain', 'mmdet', 'mmseg', 'mmaction', 'open_clip'}

# part of eva_mm -> the parts and host packages that it may import
ALLOWED = {
    'safe_io': {'safe_io'},
    'layers': {'layers'},
    'errors': set(),
    'shipped': set(),
    'licences': set(),
    'tasks': {'errors'},
    'checkpoint': {'checkpoint', 'layers', 'errors', 'tasks', 'safe_io'},
    'registry': set(),
    # the adapter's deformable attention
    'models.backbones': {'models.backbones', 'layers', 'registry', 'checkpoint', 'safe_io', 'mmcv'},
    'models.necks': {'models.necks', 'layers', 'registry'},
    'models': {'models', 'layers', 'registry', 'checkpoint', 'safe_io', *HOSTS},
    'datasets': {'datasets', 'registry', 'safe_io', *HOSTS},
    'evaluation': {'evaluation', 'registry', *HOSTS},
    'engine': {'engine', 'registry', 'process', 'whole_file', 'safe_io', 'deepspeed'},
    # its stand-in for a missing module of mmaction registers there
    'cli': {'cli', 'apis', 'checkpoint', 'datasets', 'licences', 'tasks', 'process', 'version', *HOSTS},
    'compat': {'compat', 'safe_io', 'shipped', 'mmaction'},
    'apis': {
        *('apis', 'models', 'datasets', 'evaluation', 'engine', 'checkpoint', 'layers'),
        *('registry', 'errors', 'licences', 'shipped', 'tasks', 'process', 'whole_file', 'safe_io', *HOSTS),
    },
}
FILES = sorted(PACKAGE.rglob('*.py'))


def _imports(path: Path, source: str | None = None) -> list[str]:
    names = []
    for node in ast.walk(ast.parse(path.read_text() if source is None else source)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            # a relative import names the package that so many levels up holds the file
            package = path.relative_to(ROOT).parts[: -node.level] if node.level else ()
            module = '.'.join((*package, *([node.module] if node.module else ())))
            names += [f'{module}.{alias.name}' for alias in node.names]
    return names


def test_relative_imports_are_read_too():
    source = PACKAGE / 'layers' / 'imaginary.py'
    assert _imports(source, 'from ..models import necks\nfrom . import block') == [
        'eva_mm.models.necks', 'eva_mm.layers.block'
    ]  # fmt: skip


def _part(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix('').parts
    for length in (2, 1):
        name = '.'.join(parts[:length])
        if name in ALLOWED:
            return name
    return ''


def _targets(path: Path) -> set[str]:
    """Parts of eva_mm and host packages that a file imports."""
    targets = set()
    for name in _imports(path):
        head, *rest = name.split('.')
        if head == 'eva_mm':
            targets.add('.'.join(rest[:2]) if '.'.join(rest[:2]) in ALLOWED else (rest or [''])[0])
        elif head in HOSTS | {'mmcv', 'deepspeed'}:
            targets.add(head)
    return targets


@pytest.mark.parametrize('path', FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_arrows_never_turn_back(path):
    part = _part(path)
    if not part:  # eva_mm/__init__.py installs the compat hooks and reads nothing else
        assert _targets(path) <= {'compat', 'version'}
        return
    allowed = ALLOWED[part] | {'', 'registry'} if part.startswith('models') else ALLOWED[part] | {''}
    wrong = {target for target in _targets(path) if target not in allowed and target.split('.')[0] not in allowed}
    assert not wrong, f'{part} must not import {wrong}'


@pytest.mark.parametrize('path', FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_module_imports_two_hosts(path):
    assert len(_targets(path) & HOSTS) <= 1


@pytest.mark.parametrize('path', FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_compat_repairs_hosts(path):
    if _part(path) != 'compat':
        assert 'sys.meta_path' not in path.read_text()


@pytest.mark.parametrize('path', sorted((ROOT / 'tools').rglob('*.py')), ids=lambda path: path.name)
def test_tools_are_thin(path):
    """tools run a verb of eva_mm.cli; only the comparison of killed runs reads the engine's checkpoints."""
    allowed = {'cli', 'apis', 'checkpoint', 'datasets', 'tasks', 'process', 'safe_io', *HOSTS}
    if 'analysis_tools' in path.parts:
        allowed |= {'engine', 'deepspeed'}
    assert {target.split('.')[0] for target in _targets(path)} - {''} <= allowed


def test_nothing_imports_projects():
    for path in FILES + sorted((ROOT / 'tools').rglob('*.py')):
        assert not any(name.split('.')[0] == 'projects' for name in _imports(path)), path


def test_there_is_no_dumping_ground():
    assert not list(ROOT.glob('eva_mm/**/utils.py')) and not list(ROOT.glob('tools/**/utils.py'))
