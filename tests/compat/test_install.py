"""``eva_mm.compat.install`` and what ``import eva_mm`` costs."""

import sys

import eva_mm
from eva_mm import compat
from eva_mm.compat.import_hooks import AfterImport, StandIns


def test_import_of_eva_mm_imports_no_library(run_python):
    out = run_python("""
        import eva_mm, sys
        print(sorted({'torch', 'numpy', 'mmengine', 'mmcv', 'mmdet'} & set(sys.modules)))
    """)
    assert out.strip() == '[]'


def test_installing_again_changes_nothing():
    before = list(sys.meta_path)
    compat.install()
    assert sys.meta_path == before


def test_stand_ins_come_last_and_repairs_first():
    kinds = [type(finder) for finder in sys.meta_path]
    assert kinds.count(StandIns) == kinds.count(AfterImport) == 1
    path_finder = next(i for i, finder in enumerate(sys.meta_path) if 'PathFinder' in repr(finder))
    assert kinds.index(AfterImport) < path_finder < kinds.index(StandIns)


def test_every_stand_in_has_its_file():
    for name, file in compat._stand_ins._files.items():
        assert file.is_file(), name


def test_install_reaches_what_was_imported_before(run_python):
    out = run_python("""
        import mmengine.config.utils as utils
        before = 'eva_mm' in utils.MODULE2PACKAGE
        import eva_mm
        print(before, utils.MODULE2PACKAGE['eva_mm'])
    """)
    assert out.split()[-2:] == ['False', 'eva_mm']


def test_version_is_there():
    assert eva_mm.__version__
