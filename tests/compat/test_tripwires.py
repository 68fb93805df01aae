"""A test per repaired host defect that fails on the raw host.

Each is expected to fail. When a host mends its defect the test passes, ``strict`` turns that into a failure, and the
repair in ``eva_mm.compat`` can go for the versions that have the mend. Nothing here goes through the repairs: the
sources of the hosts are read, or run in a Python that never imports eva_mm.
"""

import os
import pickle
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

from eva_mm.apis.planning.memory import LiveBytes


def _source(package, path=''):
    spec = find_spec(package)
    if spec is None:
        pytest.skip(f'{package} is not installed')
    return Path(spec.origin).parent / path


def _raw(code):
    return subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, timeout=300, cwd='/')


def _installed(distribution):
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


class Command:
    """A pickle that makes a folder when it is read."""

    def __init__(self, folder):
        self.folder = str(folder)

    def __reduce__(self):
        return os.mkdir, (self.folder,)


def defect(reason):
    return pytest.mark.xfail(strict=True, raises=AssertionError, reason=reason)


of_openmmlab = pytest.mark.skipif(_installed('onedl-mmengine') is not None, reason='mended in the OneDL forks')
of_onedl = pytest.mark.skipif(_installed('onedl-mmengine') is None, reason='a defect of the OneDL forks')


@defect('what is inherited from a package loses the scope of its host: compat/mmengine.py')
def test_an_inherited_config_keeps_the_scope_of_its_host(tmp_path):
    (tmp_path / 'guest' / '.mim' / 'configs' / 'a').mkdir(parents=True)
    for file, text in {
        'guest/__init__.py': '',
        'guest/.mim/model-index.yml': 'Import: []',
        'guest/.mim/configs/a/b.py': "default_scope = 'mmdet'\nmodel = dict(type='FasterRCNN')",
        'mine.py': "_base_ = 'guest::a/b.py'",
    }.items():
        (tmp_path / file).write_text(text)
    done = _raw(
        f'import sys; sys.path.insert(0, {str(tmp_path)!r})\n'
        'from mmengine.config import Config, utils\n'
        "utils.MODULE2PACKAGE['guest'] = 'guest'\n"
        f"print(Config.fromfile({str(tmp_path / 'mine.py')!r}).model.get('_scope_', 'mmdet'))"
    )
    done.check_returncode()
    assert done.stdout == 'mmdet\n'


@defect('mmcv-lite has no compiled kernels: compat/mmcv_ops')
def test_mmcv_has_kernels():
    assert list(_source('mmcv').glob('_ext*'))


@defect('deformable attention on the CPU holds every sampled value: compat/mmcv.py')
def test_deformable_attention_bounds_its_memory():
    from mmcv.ops import multi_scale_deform_attn as module

    attend = module.multi_scale_deformable_attn_pytorch
    if attend.__closure__:  # what compat put in front of it
        inner = [cell.cell_contents for cell in attend.__closure__]
        attend = next(each for each in inner if getattr(each, '__module__', '') == module.__name__)
    shapes = torch.tensor([[8, 8]] * 3)
    value = torch.zeros(1, 192, 4, 8, requires_grad=True)
    places = torch.zeros(1, 512, 4, 3, 4, 2)
    with LiveBytes() as live:
        out = attend(value, shapes, places, torch.zeros(1, 512, 4, 3, 4))
    assert sum(live.live.values()) < 4 * out.untyped_storage().nbytes()


@defect('the wheel of mmaction2 lacks a sub-package: compat/stand_ins/mmaction_drn')
def test_mmaction_ships_drn():
    assert (_source('mmaction') / 'models' / 'localizers' / 'drn').is_dir()


@of_openmmlab
@defect('mmengine imports pkg_resources, which setuptools 82 dropped: compat/stand_ins/pkg_resources.py')
def test_mmengine_does_without_pkg_resources():
    assert 'pkg_resources' not in (_source('mmengine') / 'utils' / 'package_utils.py').read_text()


@defect('mmengine imports distutils, which Python 3.12 dropped: compat/stand_ins/distutils')
def test_mmengine_does_without_distutils():
    assert 'distutils' not in (_source('mmengine') / 'utils' / 'dl_utils' / 'collect_env.py').read_text()


@defect('torch refuses the checkpoints of a runner: compat/mmengine.py')
def test_torch_reads_what_a_runner_logs():
    code = (
        'import io, torch; from mmengine.logging import HistoryBuffer; file = io.BytesIO(); '
        'torch.save(HistoryBuffer([1.0], [1]), file); file.seek(0); torch.load(file)'
    )
    done = _raw(code)
    assert done.returncode == 0, done.stderr[-300:]


@defect('mmengine knows the configs of its own packages only: compat/mmengine.py')
def test_mmengine_finds_configs_of_any_package():
    assert "'eva_mm'" in (_source('mmengine') / 'config' / 'utils.py').read_text()


@defect('mmpretrain imports multimodal models that recent transformers break: compat/mmpretrain.py')
def test_mmpretrain_imports_beside_the_installed_transformers():
    from eva_mm.compat.mmpretrain import LAST_WORKING

    installed = _installed('transformers')
    if installed is None:
        pytest.skip('transformers is not installed')
    if tuple(int(part) for part in installed.split('.')[:2]) <= LAST_WORKING:
        pytest.skip('this version of transformers works')
    text = (_source('mmpretrain') / 'utils' / 'dependency.py').read_text()
    assert 'GenerationMixin' in text or 'transformers<' in text.replace(' ', '')


@defect('lvis uses np.float, which NumPy 1.24 dropped: compat/lvis.py')
def test_lvis_does_without_np_float():
    assert 'np.float)' not in (_source('lvis') / 'eval.py').read_text()


@defect('mmaction2 imports multimodal models that recent transformers break: compat/mmaction.py')
def test_mmaction_bounds_its_transformers():
    assert 'transformers<' in (_source('mmaction') / 'utils' / 'dependency.py').read_text().replace(' ', '')


@defect('mmengine opens pipes and unpickles files of data: compat/mmengine_files.py')
def test_mmengine_refuses_data_that_run_code(tmp_path):
    ran = tmp_path / 'ran'
    (tmp_path / 'a.pkl').write_bytes(pickle.dumps(Command(ran)))
    (tmp_path / 'a.yaml').write_text(f'!!python/object/apply:os.mkdir [{str(ran)!r}]')
    for name in ('a.pkl', 'a.yaml'):
        _raw(f'import mmengine; mmengine.load({str(tmp_path / name)!r})')
    assert not ran.exists()


@defect('data sets of the hosts unpickle their files: compat/host_pickles.py')
def test_hosts_read_plain_data():
    sources = {'mmdet': 'datasets/openimages.py', 'mmpretrain': 'datasets/cifar.py', 'mmseg': 'utils/io.py'}
    texts = [(_source(host) / path).read_text() for host, path in sources.items()]
    assert not any('allow_pickle=True' in text or 'pickle.loads' in text for text in texts)


@defect('pycocotools trusts its input: compat/pycocotools.py')
def test_pycocotools_refuses_an_absurd_polygon():
    _source('pycocotools')
    done = _raw('from pycocotools.mask import frPyObjects as f; f([[0, 0, 1e9, 0, 1e9, 1e9]], 10, 10)')
    assert done.returncode == 1 and 'Error' in done.stderr


@of_onedl
@defect('onedl-mmengine does not find the configs of onedl-mmsegmentation: compat/onedl.py')
def test_onedl_finds_the_configs_of_mmseg():
    _source('mmseg')
    done = _raw("from mmengine.hub import get_config; get_config('mmseg::_base_/models/upernet_r50.py')")
    assert done.returncode == 0, done.stderr[-300:]


@of_onedl
@defect('onedl-mmengine reads without restriction what is not safe: compat/onedl.py')
def test_onedl_refuses_a_checkpoint_that_runs_code(tmp_path):
    file, ran = tmp_path / 'a.pth', tmp_path / 'ran'
    torch.save(dict(state_dict=Command(ran)), file)
    _raw(f'from mmengine.runner import CheckpointLoader as loader; loader.load_checkpoint({str(file)!r})')
    assert not ran.exists()


@of_onedl
@defect('mmaction2 refuses onedl-mmcv: compat/mmaction.py')
def test_mmaction_imports_beside_onedl_mmcv():
    _source('mmaction')
    done = _raw('import mmaction')
    assert done.returncode == 0, done.stderr[-300:]


def test_a_tripwire_for_every_repair():
    """Each row of the table in compat's docstring has a test here."""
    import eva_mm.compat

    places = [line.split()[-1].strip('`') for line in eva_mm.compat.__doc__.splitlines() if line.endswith('``')]
    assert len(places) >= 9
    text = Path(__file__).read_text()
    for place in places:
        assert f'compat/{place}' in text, place
