"""What is installed: bounds on both sides, one locked set with hashes, nothing with a known hole."""

import configparser
import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parents[1]
LOCKS = ('requirements.lock', 'requirements-no-deps.lock')


def _lines(text):
    return [line for line in (line.split('#')[0].strip() for line in text.splitlines()) if line]


def _ranges():
    parser = configparser.ConfigParser()
    parser.read(ROOT / 'setup.cfg')
    extras = parser['options.extras_require']
    lines = _lines(parser['options']['install_requires']) + [line for name in extras for line in _lines(extras[name])]
    return sorted({line for line in lines if not line.startswith('eva_mm[')})


def _locked(name):
    """Name to the versions of a lock, one for each range of Pythons or machines."""
    text = re.sub(r' *\\\n *', ' ', (ROOT / name).read_text())
    found = {}
    for line in _lines(text):
        requirement = Requirement(line.split(' --hash')[0])
        (version,) = requirement.specifier
        found.setdefault(requirement.name.lower().replace('_', '-'), []).append((version, line.count('--hash=sha256:')))
    return found


@pytest.mark.parametrize('line', _ranges())
def test_every_range_has_both_ends(line):
    operators = {each.operator for each in Requirement(line).specifier}
    assert '>=' in operators and '<' in operators


@pytest.mark.parametrize('name', LOCKS)
def test_all_that_is_locked_has_a_version_and_hashes_and_names_no_host(name):
    locked = _locked(name)
    assert locked
    for package, versions in locked.items():
        assert all(version.operator == '==' and hashes for version, hashes in versions), package
    assert '://' not in (ROOT / name).read_text() and '--index' not in (ROOT / name).read_text()


def test_the_lock_has_what_is_asked_for_and_the_ranges_allow_it():
    locked = {**_locked(LOCKS[0]), **_locked(LOCKS[1])}
    asked = [*_lines((ROOT / 'requirements.txt').read_text()), *_lines((ROOT / 'requirements-no-deps.txt').read_text())]
    # the forks are another stack, with an environment of its own
    for line in [*asked, *(line for line in _ranges() if not line.startswith('onedl-'))]:
        requirement = Requirement(line)
        versions = locked[requirement.name.lower().replace('_', '-')]
        assert all(requirement.specifier.contains(version.version) for version, _ in versions), line


def test_setuptools_is_one_without_a_known_hole():
    ((version, _),) = _locked(LOCKS[0])['setuptools']
    assert Version(version.version) >= Version('78.1.1')
    (line,) = [line for line in _ranges() if line.startswith('setuptools')]
    assert not Requirement(line).specifier.contains('78.1.0')


def test_setup_installs_by_hash_alone():
    recipe = (ROOT / 'Makefile').read_text().split('$(INSTALLED):')[1].split('\n\n')[0]
    installs = [line for line in recipe.splitlines() if 'pip install' in line]
    assert len(installs) == 3
    assert all('--require-hashes' in line or '--no-deps --no-build-isolation --editable .' in line for line in installs)


def test_no_extra_installs_two_distributions_of_a_module():
    """pip would write the files of one over those of the other."""
    parser = configparser.ConfigParser()
    parser.read(ROOT / 'setup.cfg')
    always, extras = _lines(parser['options']['install_requires']), parser['options.extras_require']
    assert not [line for line in always if line.startswith('mm')]
    assert not [line for line in _lines(extras['onedl']) if line.startswith(('mm', 'eva_mm'))]
    for name in ('pretrain', 'det', 'seg', 'video', 'clip'):
        assert 'eva_mm[openmmlab]' in _lines(extras[name]) and 'onedl' not in extras[name]
    assert 'onedl' not in extras['all']
