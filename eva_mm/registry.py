"""Registries of scope ``eva_mm``.

Each is a child of mmengine's root registry of the same kind, so a type written ``eva_mm.Name`` in a config of any
host makes mmengine import this module: no ``custom_imports`` is needed. ``default_scope`` of a config stays the
host's.

Host-free modules are imported on the first look-up (``locations``). A module that needs a host or another optional
package is imported when one of its types is asked for, and not before: see :data:`HOST_TYPES`.
"""

from importlib import import_module
from importlib.util import find_spec

from mmengine import registry as root

# module -> (package it needs, extra of eva_mm that installs it, names it registers)
HOST_TYPES: dict[str, tuple[str, str, tuple[str, ...]]] = {
    'eva_mm.models.multimodal': ('open_clip', 'clip', ('CLIPTextTower', 'EVACLIP', 'EVACLIPViT')),
    'eva_mm.datasets.image_text.shards': ('webdataset', 'clip', ('ImageTextShards',)),
    'eva_mm.datasets.merged.dataset': ('PIL', 'pretrain', ('MergedImages',)),
    'eva_mm.datasets.pillow_rand_augment': ('PIL', 'pretrain', ('PillowRandAugment',)),
    'eva_mm.datasets.pillow_resized_crop': ('mmpretrain', 'pretrain', ('PillowRandomResizedCrop',)),
    'eva_mm.datasets.benchmark_images': ('clip_benchmark', 'benchmarks', ('BenchmarkImages',)),
    'eva_mm.datasets.benchmark_shards': ('PIL', 'clip', ('BenchmarkShards',)),
    'eva_mm.datasets.image_text.csv_pairs': ('PIL', 'clip', ('ImageTextCSV',)),
    'eva_mm.datasets.image_text.transforms': ('open_clip', 'clip', ('CLIPTokenize', 'PackImageText')),
    'eva_mm.models.action_heads': ('mmaction', 'video', ('EVAVideoHead',)),
    'eva_mm.datasets.video.color': ('torchvision', 'video', ('ClipColorJitter', 'ClipGrayscale')),
    'eva_mm.datasets.video.center_view': ('torchvision', 'video', ('CenterView',)),
    'eva_mm.models.backbones.eva_vit_adapter': ('mmcv', 'seg', ('EVAViTAdapter',)),
    'eva_mm.models.roi_heads': ('mmdet', 'det', ('EVACascadeRoIHead', 'FederatedLoss')),
    'eva_mm.models.detectors': ('mmdet', 'det', ('EVACascadeRCNN', 'MaskTTAModel')),
    'eva_mm.models.task_modules': ('mmdet', 'det', ('OwnBestAssigner',)),
    'eva_mm.datasets.scale_jitter': ('mmdet', 'det', ('FixedSizeCrop', 'PillowResize', 'ScaleJitter')),
    'eva_mm.datasets.load_polygons': ('mmdet', 'det', ('LoadPolygons',)),
    'eva_mm.datasets.lvis_format': ('mmdet', 'det', ('LVISFormatDataset',)),
    'eva_mm.evaluation.lvis_metric': ('mmdet', 'det', ('LVISMaxDetsMetric',)),
    'eva_mm.models.data_preprocessors': ('mmseg', 'seg', ('BlackPadSegPreProcessor',)),
    'eva_mm.datasets.label_maps': ('mmseg', 'seg', ('LabelMaps', 'LoadColourLabels')),
    'eva_mm.models.decode_heads': ('mmseg', 'seg', ('EVAMask2FormerHead', 'EoMTSegHead')),
    'eva_mm.models.panoptic_heads': ('mmdet', 'det', ('EoMTHead',)),
    'eva_mm.models.selfsup': (
        'mmpretrain',
        'pretrain',
        ('EVAMIM', 'CLIPTeacher', 'FrozenTeacher', 'MaskedFeatureHead'),
    ),
}


class HostAwareRegistry(root.Registry):
    """A registry that imports a host-bound module when one of its types is asked for.

    Raises:
        ImportError: The package that the type needs is not installed; the message names the extra that has it.
    """

    def get(self, key: str):
        """The class registered as ``key``, or ``None``."""
        name = key.removeprefix(f'{self.scope}.')
        for module, (package, extra, names) in HOST_TYPES.items():
            if name in names and name not in self._module_dict:
                if find_spec(package) is None:
                    raise ImportError(
                        f'eva_mm.{name} needs {package}, which is not installed: pip install "eva_mm[{extra}]".'
                    )
                import_module(module)
        return super().get(key)


def _child(kind: str, parent: root.Registry, *locations: str) -> HostAwareRegistry:
    return HostAwareRegistry(kind, parent=parent, scope='eva_mm', locations=list(locations))


MODELS = _child('model', root.MODELS, 'eva_mm.models')
TASK_UTILS = _child('task util', root.TASK_UTILS, 'eva_mm.models')

DATASETS = _child('dataset', root.DATASETS, 'eva_mm.datasets')
DATA_SAMPLERS = _child('data sampler', root.DATA_SAMPLERS, 'eva_mm.datasets')
TRANSFORMS = _child('transform', root.TRANSFORMS, 'eva_mm.datasets')

METRICS = _child('metric', root.METRICS, 'eva_mm.evaluation')

HOOKS = _child('hook', root.HOOKS, 'eva_mm.engine')
LOOPS = _child('loop', root.LOOPS, 'eva_mm.engine')
MODEL_WRAPPERS = _child('model wrapper', root.MODEL_WRAPPERS, 'eva_mm.engine')
OPTIMIZERS = _child('optimizer', root.OPTIMIZERS, 'eva_mm.engine')
OPTIM_WRAPPERS = _child('optimizer wrapper', root.OPTIM_WRAPPERS, 'eva_mm.engine')
OPTIM_WRAPPER_CONSTRUCTORS = _child('optimizer wrapper constructor', root.OPTIM_WRAPPER_CONSTRUCTORS, 'eva_mm.engine')
PARAM_SCHEDULERS = _child('parameter scheduler', root.PARAM_SCHEDULERS, 'eva_mm.engine')
STRATEGIES = _child('strategy', root.STRATEGIES, 'eva_mm.engine')
