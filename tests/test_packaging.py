"""The wheel carries configs and tools as eva_mm/.mim, and they are found there once it is installed."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml
from modelindex.load_model_index import load

ROOT = Path(__file__).parents[1]


def _run(*command: str, cwd: Path, **env: str) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, env={**os.environ, **env})
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope='module')
def wheel(tmp_path_factory):
    """The wheel, built from a copy of what would be committed."""
    folder = tmp_path_factory.mktemp('wheel')
    source = folder / 'source'
    files = _run('git', 'ls-files', '--cached', '--others', '--exclude-standard', cwd=ROOT).split('\n')
    # a file that is deleted and not committed is listed as well
    for name in (name for name in files if (ROOT / name).is_file()):
        if name.split('/')[0] in ('eva_mm', 'configs', 'tools') or '/' not in name:
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    options = ('--no-deps', '--no-build-isolation', '--no-index', '-q')
    _run(sys.executable, '-m', 'pip', 'wheel', *options, '-w', str(folder), '.', cwd=source)
    (file,) = folder.glob('eva_mm-*.whl')
    return file


@pytest.fixture(scope='module')
def installed(wheel):
    """A folder with the wheel installed in it and nothing else; to be put first on the path."""
    target = wheel.parent / 'site'
    options = ('--no-deps', '--no-index', '-q', '--no-compile', '--target', str(target))
    _run(sys.executable, '-m', 'pip', 'install', *options, str(wheel), cwd=wheel.parent)
    return target


def test_wheel_carries_configs_and_tools(wheel):
    assert wheel.stat().st_size < 2_000_000
    names = set(zipfile.ZipFile(wheel).namelist())
    assert 'eva_mm/.mim/model-index.yml' in names
    assert {f'eva_mm/.mim/{name}' for name in ('tools/train.py', 'tools/test.py')} <= names
    configs = {str(path.relative_to(ROOT)) for path in (ROOT / 'configs').rglob('*.py')}
    assert {f'eva_mm/.mim/{name}' for name in configs} <= names
    assert not any(name.startswith(('tests/', 'projects/', 'docs/')) or '__pycache__' in name for name in names)
    # what measures this project serves nobody who has installed it
    benchmarks = {path.name for path in (ROOT / 'projects' / 'benchmarks').glob('*.py')}
    assert not benchmarks & {name.rpartition('/')[2] for name in names}
    assert not any('/benchmarking/' in name for name in names)
    for package in (ROOT / 'eva_mm').rglob('__init__.py'):
        assert str(package.relative_to(ROOT)) in names


def test_configs_of_the_installed_wheel_are_inherited_by_its_name(installed, tmp_path):
    (tmp_path / 'mine.py').write_text(
        "_base_ = 'eva_mm::classification/eva-g-p14_in21k-pre_in1k-336px.py'\nmodel = dict(head=dict(num_classes=7))\n"
    )
    # `_base_` of one with bases of its own and of a host, and mmengine's look-up by name
    code = """
import json
import eva_mm
from mmengine.config import Config
from mmengine.hub import get_config

mine = Config.fromfile('mine.py')
detector = get_config('eva_mm::detection/cascade-mask-rcnn_eva-b-p16_lsj-1024_coco.py')
print(json.dumps([eva_mm.__file__, mine.model.head.num_classes, mine.model.backbone.type, detector.model.type]))
"""
    out = _run(sys.executable, '-c', code, cwd=tmp_path, PYTHONPATH=str(installed))
    file, classes, backbone, detector = json.loads(out.splitlines()[-1])
    assert Path(file).is_relative_to(installed)
    assert (classes, backbone, detector) == (7, 'eva_mm.EVAViT', 'eva_mm.EVACascadeRCNN')


LENGTHS = {
    'detection': ['train_cfg.max_iters=1'],
    'classification': ['train_cfg.max_epochs=1', 'param_scheduler.warmup_epochs=0'],
}


@pytest.mark.parametrize(
    ('task', 'config', 'maker'),
    [('detection', 'mine.py', 'coco'), ('classification', 'nano/classification', 'class_folders')],
)
def test_the_command_of_the_installed_wheel_trains(installed, own_folders, tmp_path, task, config, maker):
    """By a config of one's own that inherits by name, and by the name of a shipped one; far from any checkout."""

    def eva_mm(*arguments: str) -> str:
        env = dict(PYTHONPATH=str(installed), OMP_NUM_THREADS='1')
        return _run(str(installed / 'bin' / 'eva-mm'), *arguments, cwd=tmp_path, **env)

    assert f'nano/{task} ' in eva_mm('list', '--task', task)
    (tmp_path / 'mine.py').write_text(f"_base_ = 'eva_mm::nano/{task}.py'\n")
    getattr(own_folders, maker)(tmp_path / 'data')
    loader = ['batch_size=3', 'num_workers=0', 'persistent_workers=False']
    options = [f'train_dataloader.{option}' for option in loader] + ['model.backbone.init_cfg=None', *LENGTHS[task]]
    run = ('--data-root', 'data', '--work-dir', 'run', '--no-validate')
    eva_mm('train', config, *run, '--cfg-options', *options)
    assert [path.name for path in (tmp_path / 'run').glob('*_[0-9]*.pth')] in (['iter_1.pth'], ['epoch_1.pth'])


def test_metafiles_of_the_installed_wheel_are_read_as_mim_reads_them(installed):
    mim = installed / 'eva_mm' / '.mim'
    models = {model.name: model for model in load(str(mim / 'model-index.yml')).models}
    written = [yaml.safe_load(path.read_text())['Models'] for path in (ROOT / 'configs').rglob('metafile.yml')]
    assert set(models) == {model['Name'] for part in written for model in part}
    for model in models.values():
        assert (mim / model.config).is_file()
    published = models['eva-g-p14_in21k-pre_in1k-336px']
    assert published.weights == 'eva_21k_1k_336px_psz14_ema_89p6.pt'
    assert published.results[0].metrics == {'Top 1 Accuracy': 89.62, 'Top 5 Accuracy': 98.93}


def test_mim_search_finds_the_models(installed):
    pytest.importorskip('mim', reason='openmim is not installed; the test above reads the same files with its loader')
    code = "from mim.commands.search import get_model_info as get; print(sorted(get('eva_mm', to_dict=True)))"
    path = os.pathsep.join([str(installed), os.environ.get('PYTHONPATH', '')])
    out = _run(sys.executable, '-c', code, cwd=installed, PYTHONPATH=path)
    assert "'eva-g-p14_in21k-pre_in1k-336px'" in out
