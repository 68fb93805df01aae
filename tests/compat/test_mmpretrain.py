import importlib.metadata
from types import SimpleNamespace

import pytest

from eva_mm.compat.mmpretrain import leave_out_multimodal


@pytest.mark.parametrize(
    'installed, kept',
    [
        ('4.28.0', True),
        ('4.51.3', True),
        ('4.52.0.dev0', False),
        ('4.53.3', False),
        ('4.57.6', False),
        ('5.0.0rc1', False),
    ],
)
def test_by_the_version_of_transformers(monkeypatch, installed, kept):
    monkeypatch.setattr(importlib.metadata, 'version', lambda name: installed)
    dependency = SimpleNamespace(WITH_MULTIMODAL=True)
    leave_out_multimodal(dependency)
    assert dependency.WITH_MULTIMODAL is kept


def test_without_transformers_nothing_changes(monkeypatch):
    def version(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, 'version', version)
    dependency = SimpleNamespace(WITH_MULTIMODAL=False)
    leave_out_multimodal(dependency)
    assert dependency.WITH_MULTIMODAL is False


def test_mmpretrain_beside_a_recent_transformers(run_python, tmp_path):
    pytest.importorskip('mmpretrain')
    pytest.importorskip('pycocotools')
    info = tmp_path / 'site' / 'transformers-4.57.6.dist-info'
    info.mkdir(parents=True)
    (info / 'METADATA').write_text('Metadata-Version: 2.1\nName: transformers\nVersion: 4.57.6\n')
    out = run_python(
        """
        import eva_mm
        from mmpretrain.utils import dependency
        print(dependency.satisfy_requirement('transformers>=4.28.0'), dependency.WITH_MULTIMODAL)
        """,
        first=(tmp_path / 'site',),
    )
    assert out.split()[-2:] == ['True', 'False']
