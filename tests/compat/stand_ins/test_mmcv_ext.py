import importlib
import importlib.util
import pkgutil

import mmcv
import mmcv.ops
import pytest
import torch
from mmcv.ops import nms_rotated
from mmcv.utils import collect_env

import eva_mm.compat

ours = importlib.util.find_spec('mmcv._ext').origin.endswith('mmcv_ext.py')
lite_only = pytest.mark.skipif(not ours, reason='compiled mmcv is installed')


def test_all_ops_import():
    for module in pkgutil.iter_modules(mmcv.ops.__path__):
        importlib.import_module(f'mmcv.ops.{module.name}')


@lite_only
def test_op_without_replacement_names_itself_and_the_remedy():
    with pytest.raises(NotImplementedError, match=r'nms_rotated .*`pip install mmcv==2\.1\.0`\.$'):
        nms_rotated(torch.rand(3, 5), torch.rand(3), 0.5)


@lite_only
def test_environment_report_says_what_runs():
    assert collect_env()['MMCV Compiler'] == 'none, mmcv.ops runs on eva_mm.compat'


def test_private_names_are_not_kernels():
    stand_in = eva_mm.compat._stand_ins.find_spec('mmcv._ext')
    module = importlib.util.module_from_spec(stand_in)
    stand_in.loader.exec_module(module)
    assert hasattr(module, 'any_kernel_of_mmcv')
    assert not hasattr(module, '_private') and not hasattr(module, '__path__')


def test_compiled_kernels_win(run_python, tmp_path):
    (tmp_path / 'compiled').mkdir()
    (tmp_path / 'compiled' / '_ext.py').write_text('def __getattr__(name):\n    return len\n')
    out = run_python(f"""
        import eva_mm, mmcv
        mmcv.__path__.insert(0, {str(tmp_path / 'compiled')!r})
        import mmcv.ops, sys
        from mmcv.ops import multi_scale_deform_attn as attention
        print(
            mmcv._ext.__file__,
            attention.multi_scale_deformable_attn_pytorch.__module__,
            any(name.startswith('eva_mm.compat.mmcv_ops') for name in sys.modules),
        )
    """)
    file, attention, used = out.split()[-3:]
    assert file == str(tmp_path / 'compiled' / '_ext.py')
    assert attention == 'mmcv.ops.multi_scale_deform_attn'
    assert used == 'False'
