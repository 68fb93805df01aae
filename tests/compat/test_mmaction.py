import importlib.metadata
from types import SimpleNamespace

import pytest

from eva_mm.compat.mmaction import leave_out_multimodal


@pytest.mark.parametrize('installed, kept', [('4.55.4', True), ('4.56.2', False), ('5.0.0rc1', False)])
def test_by_the_version_of_transformers(monkeypatch, installed, kept):
    monkeypatch.setattr(importlib.metadata, 'version', lambda name: installed)
    dependency = SimpleNamespace(WITH_MULTIMODAL=True)
    leave_out_multimodal(dependency)
    assert dependency.WITH_MULTIMODAL is kept


def test_models_beside_a_transformers_that_lacks_what_they_import(run_python, tmp_path):
    pytest.importorskip('mmaction')
    site = tmp_path / 'site'
    (site / 'transformers').mkdir(parents=True)
    (site / 'transformers' / '__init__.py').write_text("__version__ = '5.17.0'\n")
    info = site / 'transformers-5.17.0.dist-info'
    info.mkdir()
    (info / 'METADATA').write_text('Metadata-Version: 2.1\nName: transformers\nVersion: 5.17.0\n')
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
