import importlib.metadata
from types import SimpleNamespace

import pytest

from eva_mm.compat.mmaction import leave_out_multimodal


@pytest.fixture
def site_with(tmp_path):
    """Make a folder in which a distribution of this name and version seems to be installed."""

    def make(name, version):
        info = tmp_path / 'site' / f'{name.replace("-", "_")}-{version}.dist-info'
        info.mkdir(parents=True)
        (info / 'METADATA').write_text(f'Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n')
        return info.parent

    return make


@pytest.mark.parametrize('installed, kept', [('4.55.4', True), ('4.56.2', False), ('5.0.0rc1', False)])
def test_by_the_version_of_transformers(monkeypatch, installed, kept):
    monkeypatch.setattr(importlib.metadata, 'version', lambda name: installed)
    dependency = SimpleNamespace(WITH_MULTIMODAL=True)
    leave_out_multimodal(dependency)
    assert dependency.WITH_MULTIMODAL is kept


def test_models_beside_a_transformers_that_lacks_what_they_import(run_python, site_with):
    pytest.importorskip('mmaction')
    site = site_with('transformers', '5.17.0')
    (site / 'transformers').mkdir()
    (site / 'transformers' / '__init__.py').write_text("__version__ = '5.17.0'\n")
    out = run_python(
        """
        import eva_mm
        import mmaction.models
        from mmaction.utils import dependency
        print(dependency.satisfy_requirement('transformers>=4.28.0'), dependency.WITH_MULTIMODAL)
        """,
        first=(site,),
    )
    assert out.split()[-2:] == ['True', 'False']


@pytest.mark.parametrize('name, imports', [('onedl-mmcv', True), ('mmcv', False)])
def test_an_mmcv_that_is_too_new_is_taken_from_onedl_alone(run_python, site_with, name, imports):
    pytest.importorskip('mmaction')
    site = site_with(name, '2.3.6')
    out = run_python(
        """
        import eva_mm, mmcv
        from importlib import metadata
        real = metadata.version
        metadata.version = lambda name: real(name) if name != 'onedl-mmcv' or EXPECTED else real('no-such-package')
        mmcv.__version__ = '2.3.6'
        try:
            import mmaction
            print('imported', mmcv.__version__, mmaction.mmcv.imread.__name__)
        except AssertionError as error:
            print('refused', str(error).split(' is ')[0])
        """.replace('EXPECTED', str(imports)),
        first=(site,),
    )
    assert out.split() == (['imported', '2.3.6', 'imread'] if imports else ['refused', 'MMCV==2.3.6'])
