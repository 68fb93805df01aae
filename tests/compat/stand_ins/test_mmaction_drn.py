import importlib.util

import pytest
from mmengine.registry import DefaultScope

import eva_mm  # noqa: F401

pytest.importorskip('mmaction')
from mmaction.registry import MODELS  # noqa: E402

missing = 'stand_ins' in importlib.util.find_spec('mmaction.models.localizers.drn').origin


def test_models_import_and_register():
    import mmaction.models  # noqa: F401

    assert 'DRN' in MODELS and 'Recognizer3D' in MODELS


@pytest.mark.skipif(not missing, reason='the installed mmaction2 has DRN')
def test_drn_asked_for_says_how_to_get_it():
    import mmaction.models  # noqa: F401

    with (
        DefaultScope.overwrite_default_scope('mmaction'),
        pytest.raises(NotImplementedError, match=r'clone mmaction2 and install it with `pip install -e \.`'),
    ):
        MODELS.build(dict(type='DRN', vocab_size=3))


def test_real_sub_package_wins(run_python, tmp_path):
    real = tmp_path / 'real' / 'drn'
    real.mkdir(parents=True)
    (real / 'drn.py').write_text('class DRN:\n    kind = "real"\n')
    (real / '__init__.py').write_text('')
    out = run_python(f"""
        import eva_mm, importlib.machinery, sys, types
        localizers = types.ModuleType('mmaction.models.localizers')
        localizers.__path__ = [{str(tmp_path / 'real')!r}]
        for name in ('mmaction', 'mmaction.models'):
            sys.modules[name] = types.ModuleType(name)
            sys.modules[name].__path__ = []
        sys.modules['mmaction.models.localizers'] = localizers
        from mmaction.models.localizers.drn.drn import DRN
        print(DRN.kind)
    """)
    assert out.split()[-1] == 'real'
