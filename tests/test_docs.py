"""The documentation: links lead somewhere, what it names exists, and its code runs or says why not.

Code blocks of a page run in order, in a folder that looks like a checkout with a very small ``data/nano``.
"""

import io
import re
import runpy
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from functools import cache
from pathlib import Path

import pytest
import yaml
from doc_blocks import PAGES, ROOT, Block, Command, blocks, commands, headings, links, name_of, prose

from eva_mm.cli import VERBS, main

LANGUAGES = {'python', 'bash', 'text'}
LAUNCHED = {
    'tools/dist_train.sh': 'tools/train.py',
    'tools/slurm_train.sh': 'tools/train.py',
    'tools/dist_test.sh': 'tools/test.py',
    'tools/slurm_test.sh': 'tools/test.py',
}
# what a user calls beside Python and is too plain to be wrong; `pip` and `make` are never run
SHELL = {'mkdir', 'ls', 'cat', 'cp', 'pip', 'make', 'export', 'cd', 'git', 'mkdocs', 'mim', 'sbatch', 'tensorboard'}
RUNNABLE = [page for page in PAGES if any(block.not_run is None and block.language != 'text' for block in blocks(page))]
by_name = pytest.mark.parametrize('page', PAGES, ids=name_of)


@by_name
def test_blocks_are_fenced_and_of_a_known_language(page):
    assert {block.language for block in blocks(page)} <= LANGUAGES
    indented = re.findall(r'\n\n    \S.*', re.sub(r'^(?:[-*]|\d+\.) .*(?:\n(?: .*)?)*', '', prose(page), flags=re.M))
    assert not indented, 'an indented block is not tested: fence it'


@by_name
def test_links_lead_somewhere(page):
    for target in links(page):
        if re.match(r'https?://', target):
            continue
        file, _, anchor = target.partition('#')
        there = (page.parent / file).resolve() if file else page
        assert there.exists(), f'{target} is no file'
        if page.is_relative_to(ROOT / 'docs'):
            assert there.is_relative_to(ROOT / 'docs'), f'{target} leaves the site: name the file in backticks'
        assert not anchor or anchor in headings(there), f'{target} is no heading'


@by_name
def test_files_that_are_named_exist(page):
    for path in re.findall(r'`((?:configs|tools|projects|tests|eva_mm|docs)/\w[\w./-]+)`', prose(page)):
        # capitals stand for a name of the reader's
        exists = (ROOT / path).exists() or (page.parent / path).exists()
        assert exists or re.search(r'/[A-Z]{2,}\b', path), f'{path} does not exist'


@by_name
def test_types_that_are_named_exist(page):
    from eva_mm import apis, registry

    registries = [value for value in vars(registry).values() if isinstance(value, registry.HostAwareRegistry)]
    own = {'Name', *re.findall(r'^class (\w+)', page.read_text(), re.MULTILINE)}
    for name in set(re.findall(r'\beva_mm\.([A-Z]\w+)', page.read_text())) - own:
        assert any(one.get(f'eva_mm.{name}') for one in registries), f'eva_mm.{name} is registered nowhere'
    for name in set(re.findall(r'\beva_mm\.apis import (.+)', page.read_text())):
        assert set(name.split(', ')) <= set(apis.__all__)


def _call(script: str, words: list[str], folder: Path) -> None:
    """Run a script as its command does, but in this process: importing torch anew takes seconds."""
    beside, known = (folder / script).parent, set(sys.modules)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, 'argv', [script, *words])
        patch.syspath_prepend(str(beside))
        try:
            runpy.run_path(str(folder / script), run_name='__main__')
        except SystemExit as done:
            assert not done.code, f'{script} {" ".join(words)} ended with {done.code}'
        finally:
            # another script may have modules of the same names beside it
            for name in set(sys.modules) - known:
                if str(getattr(sys.modules[name], '__file__', '')).startswith(str(beside)):
                    del sys.modules[name]


@cache
def _help(script: str) -> str:
    out = io.StringIO()
    with redirect_stdout(out), redirect_stderr(out):
        if script.startswith('eva-mm '):
            with pytest.raises(SystemExit):
                main([script.removeprefix('eva-mm '), '--help'])
        else:
            _call(script, ['--help'], ROOT)
    return out.getvalue()


def _check(command: Command) -> None:
    """A command names a script, configs and options that exist."""
    program, *words = command.words
    program = program.removeprefix('.venv/bin/')
    if program == 'eva-mm':
        assert words[0] in VERBS, f'eva-mm has no verb {words[0]}'
        _check_words(f'eva-mm {words[0]}', words[1:])
        return
    if program not in ('python', 'bash') or words[:1] in (['-c'], ['-m']):
        assert program in SHELL | {'python'}, f'{program} is not known'
        targets = re.findall(r'^([\w-]+):', (ROOT / 'Makefile').read_text(), re.MULTILINE)
        assert program != 'make' or words[0] in targets, f'the Makefile has no {words[0]}'
        return
    script, *words = words
    assert (ROOT / script).is_file(), f'{script} does not exist'
    _check_words(script, words)


def _check_words(script: str, words: list[str]) -> None:
    for word in words:
        if re.fullmatch(r'(configs|projects)/[\w./-]+\.py', word):
            assert (ROOT / word).is_file(), f'{word} does not exist'
    for option in (word.strip('[]').partition('=')[0] for word in words if word.strip('[').startswith('--')):
        assert re.search(rf'{option}\b', _help(LAUNCHED.get(script, script))), f'{script} has no option {option}'


@by_name
def test_commands_are_those_of_the_tools(page):
    for block in blocks(page):
        if block.language == 'bash':
            for command in commands(block):
                _check(command)


@by_name
def test_python_is_python(page):
    for block in blocks(page):
        if block.language == 'python':
            compile(block.text, f'{name_of(page)}:{block.line}', 'exec')


@pytest.mark.parametrize('metafile', sorted(ROOT.glob('configs/*/metafile.yml')), ids=lambda path: path.parent.name)
def test_weights_are_those_of_the_metafiles(metafile):
    rows = re.findall(r'^\| `([^`]+)` \| `([^`]+)` \| (.+) \|$', (ROOT / 'docs/weights.md').read_text(), re.MULTILINE)
    listed = {config: (file, figures) for file, config, figures in rows if f'configs/{metafile.parent.name}/' in config}
    models = yaml.safe_load(metafile.read_text())['Models']
    released = {model['Config']: model for model in models if 'Weights' in model}
    assert listed.keys() == released.keys()
    for config, model in released.items():
        figures = [
            f'{result["Dataset"]}: ' + ', '.join(f'{name} {value}' for name, value in result['Metrics'].items())
            for result in model.get('Results', [])
        ]
        assert listed[config] == (model['Weights'], '; '.join(figures) or '-')


@pytest.fixture(scope='session')
def nano(tmp_path_factory):
    """The nano world, very small."""
    folder = tmp_path_factory.mktemp('docs') / 'nano'
    script = 'projects/nano_world/make_nano_data.py'
    _call(script, [str(folder), '--scale', '0.02', '--jobs', '1'], ROOT)
    return folder


@pytest.fixture
def checkout(tmp_path, nano, monkeypatch):
    """The folder that code blocks run in."""
    for part in ('tools', 'configs', 'projects', 'eva_mm', 'model-index.yml'):
        (tmp_path / part).symlink_to(ROOT / part)
    (tmp_path / 'data').mkdir()
    (tmp_path / 'data' / 'nano').symlink_to(nano)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def _run(block: Block, names: dict, folder: Path) -> None:
    if block.language == 'python':
        exec(compile('\n' * (block.line - 1) + block.text, name_of(block.page), 'exec'), names)
        return
    for command in commands(block):
        program, *words = command.words
        assert not command.variables and program not in ('pip', 'make', 'export'), f'{program} needs a marker'
        if program == 'python' and words[0].endswith('.py'):
            _call(words[0], words[1:], folder)
        else:
            subprocess.run(command.words, check=True, cwd=folder)


@pytest.mark.parametrize('page', RUNNABLE, ids=name_of)
def test_code_runs(page, checkout):
    names = {'__name__': '__docs__'}
    for block in blocks(page):
        if block.not_run is None and block.language != 'text':
            try:
                _run(block, names, checkout)
            except Exception as error:
                raise AssertionError(f'{name_of(page)}:{block.line}: {error}') from error


def test_there_are_blocks_that_run_and_blocks_that_do_not():
    code = [block for page in PAGES for block in blocks(page) if block.language != 'text']
    assert sum(block.not_run is None for block in code) >= 20
    assert all(block.not_run != '' for block in code)


def test_every_page_is_in_the_menu():
    site = yaml.load((ROOT / 'mkdocs.yml').read_text(), yaml.BaseLoader)
    listed = set(re.findall(r"'([\w/-]+\.md)'", str(site['nav'])))
    assert listed == {page.relative_to(ROOT / 'docs').as_posix() for page in (ROOT / 'docs').rglob('*.md')}


def test_the_site_builds(tmp_path):
    pytest.importorskip('mkdocs', reason='mkdocs is not installed: pip install "eva_mm[docs]"')
    pytest.importorskip('mkdocstrings', reason='mkdocstrings is not installed: pip install "eva_mm[docs]"')
    pytest.importorskip('material', reason='mkdocs-material is not installed: pip install "eva_mm[docs]"')
    done = subprocess.run(
        [sys.executable, '-m', 'mkdocs', 'build', '--strict', '--site-dir', str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (tmp_path / 'index.html').is_file()
