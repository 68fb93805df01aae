"""What is known to be broken in a host library or a torch version, and its repair.

``install()`` is called by ``import eva_mm``. It only puts two finders into ``sys.meta_path``; torch and the hosts stay
unimported. A stand-in is used only if the real module does not exist, and a repair acts when its module is imported.
Each file names the defect it is about, the versions that have it, and how to tell that it is gone.

==================================  =====================================  ============================
What is asked for                   What is wrong                          Where it is repaired
==================================  =====================================  ============================
``mmcv._ext``                       mmcv-lite has no compiled kernels      ``mmcv_ops``
deformable attention on the CPU     memory grows with the sampled values   ``mmcv.py``
``mmaction.models.localizers.drn``  left out of the mmaction2 wheel        ``stand_ins/mmaction_drn``
``pkg_resources``                   removed from setuptools 82             ``stand_ins/pkg_resources.py``
``distutils``                       removed from Python 3.12               ``stand_ins/distutils``
checkpoints of an mmengine runner   refused by torch 2.6's safe loading    ``mmengine.py``
checkpoints by mmengine's loaders   addresses are unpickled, code resumed  ``mmengine.py``
data files by mmengine's handlers   pipes block; pickles and YAML run      ``mmengine_files.py``
data files that hosts unpickle      run what they name                     ``host_pickles.py``
images by ``mmcv.imfrombytes``      any size, any format                   ``mmcv.py``
annotations by pycocotools, lvis    absurd numbers end the process         ``pycocotools.py``
files that mmengine writes          left empty by a full disk              ``mmengine_files.py``
``_base_ = 'eva_mm::...'``          laid over the scope of the host        ``mmengine.py``
``_base_ = 'mmseg::...'``           onedl's packages have other names      ``onedl.py``
checkpoints by onedl-mmengine       read again with code if refused        ``onedl.py``
``mmpretrain.models``               recent transformers break its import   ``mmpretrain.py``
``mmaction.models``                 recent transformers break its import   ``mmaction.py``
``mmaction`` beside onedl-mmcv      refuses mmcv 2.2 and later             ``mmaction.py``
evaluation by ``lvis``              uses ``np.float``                      ``lvis.py``
==================================  =====================================  ============================
"""

import sys
from pathlib import Path

from . import host_pickles, lvis, mmaction, mmcv, mmengine, mmengine_files, mmpretrain, onedl, pycocotools
from .import_hooks import AfterImport, StandIns, in_turn

__all__ = ['install']

_HERE = Path(__file__).parent / 'stand_ins'

_stand_ins = StandIns(
    {
        'mmcv._ext': _HERE / 'mmcv_ext.py',
        'mmaction.models.localizers.drn': _HERE / 'mmaction_drn' / '__init__.py',
        'pkg_resources': _HERE / 'pkg_resources.py',
        'distutils': _HERE / 'distutils' / '__init__.py',
    }
)

_after_import = AfterImport(
    {
        'mmcv.ops.multi_scale_deform_attn': mmcv.bound_attention_memory,
        'mmengine.config.utils': in_turn(mmengine.name_eva_mm, onedl.name_hosts),
        'mmengine.config.config': mmengine.inherit_as_a_file,
        'mmcv.image.io': mmcv.bound_images,
        'mmengine.runner.checkpoint': in_turn(mmengine.load_safely, onedl.load_without_code),
        'mmengine.fileio.backends.local_backend': mmengine_files.guard_local_files,
        'mmengine.fileio.handlers.pickle_handler': mmengine_files.read_plain_pickles,
        'mmengine.fileio.handlers.yaml_handler': mmengine_files.read_plain_yaml,
        'mmdet.datasets.openimages': host_pickles.read_numeric_arrays,
        'mmpretrain.datasets.cifar': host_pickles.read_plain_pickles,
        'mmseg.utils.io': host_pickles.read_plain_pickles,
        'mmpretrain.utils.dependency': mmpretrain.leave_out_multimodal,
        'mmaction.version': mmaction.accept_onedl_mmcv,
        'mmaction.utils.dependency': mmaction.leave_out_multimodal,
        'lvis.eval': lvis.restore_float,
        'lvis.lvis': pycocotools.check_lvis_files,
        'pycocotools.coco': pycocotools.check_files,
        'pycocotools.mask': pycocotools.check_masks,
    }
)


def install() -> None:
    """Put the repairs into ``sys.meta_path``; calling it again changes nothing."""
    if _stand_ins not in sys.meta_path:
        sys.meta_path.append(_stand_ins)
    if _after_import not in sys.meta_path:
        sys.meta_path.insert(0, _after_import)
        _after_import.repair_imported()
