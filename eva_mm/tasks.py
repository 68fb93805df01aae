"""The list of tasks. A task is one row here and the parts that the row names.

Whatever differs between tasks is looked up here: names in checkpoints, inference, a user's own data, released models,
recipes for new configs. Parts are written ``'module:name'`` and imported when they are asked for.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from typing import Any

from eva_mm.errors import UserError


@dataclass(frozen=True)
class Recipe:
    """A shipped config that configs for one's own data are made from.

    Attributes:
        config: Its path below ``configs``.
        batch: Samples of one step of the optimizer, as its docstring says.
        samples: Of its training set, where the config counts iterations; ``None`` where it counts epochs, or where its
            length is kept.
    """

    config: str
    batch: int
    samples: int | None = None


@dataclass(frozen=True)
class Task:
    """One task.

    Attributes:
        name: Also the folder of its configs and the first word of the names of its nano configs.
        aliases: Other names that commands accept.
        host: ``default_scope`` of its configs.
        model: Type of its models, where configs of other tasks have the same host.
        key_table: Names of its models' weights in checkpoints, an :class:`eva_mm.checkpoint.rules.KeyTable`.
        hub_tag: What the Hugging Face hub calls it.
        inferencer: A subclass of :class:`eva_mm.apis.inference.Inferencer`.
        use_folder: ``(cfg, root) -> str``: points a config to a folder of one's own data and says what was found;
            ``None`` where the data of the task are not a folder.
        default_model: The model that stands for the task, the best released one of its kind at a single scale.
        recipes: Size of the model to the config that a new one is made from.
    """

    name: str
    host: str
    inferencer: str
    default_model: str
    hub_tag: str
    aliases: tuple[str, ...] = ()
    model: str | None = None
    key_table: str | None = None
    use_folder: str | None = None
    recipes: Mapping[str, Recipe] = field(default_factory=dict)

    def part(self, name: str) -> Any:
        """Import the object that an attribute of this row names.

        Raises:
            UserError: The task has no such part.
        """
        place = getattr(self, name)
        if place is None:
            raise UserError(f'The task {self.name!r} has no {name}.')
        module, _, attribute = place.partition(':')
        return getattr(import_module(module), attribute)


# COCO train2017 has 117,266 images with objects, ADE20K 20,210 training images
_coco = partial(Recipe, samples=117266)
_ade20k = partial(Recipe, samples=20210)

TASKS: dict[str, Task] = {
    task.name: task
    for task in (
        Task(
            'pretrain',
            aliases=('mim',),
            host='mmpretrain',
            model='eva_mm.EVAMIM',
            key_table='eva_mm.checkpoint.key_tables.pretrain:TABLE',
            inferencer='eva_mm.apis.inference.mim:MIMInferencer',
            use_folder='eva_mm.datasets.own.images:use_image_folder',
            hub_tag='image-feature-extraction',
            default_model='eva-g-p14_mim-clip-l_merged30m-224px',
        ),
        Task(
            'classification',
            host='mmpretrain',
            key_table='eva_mm.checkpoint.key_tables.classification:TABLE',
            inferencer='eva_mm.apis.inference.classification:ClassificationInferencer',
            use_folder='eva_mm.datasets.own.classification:use_class_folders',
            hub_tag='image-classification',
            default_model='eva-g-p14_in21k-pre_in1k-336px',
            recipes={
                'nano': Recipe('nano/classification.py', 20),
                'large': Recipe('classification/eva-l-p14_in21k-pre_in1k-196px.py', 512),
                'giant': Recipe('classification/eva-g-p14_in21k-pre_in1k-336px.py', 512),
            },
        ),
        Task(
            'detection',
            host='mmdet',
            key_table='eva_mm.checkpoint.key_tables.detection:TABLE',
            inferencer='eva_mm.apis.inference.detection:DetectionInferencer',
            use_folder='eva_mm.datasets.own.detection:use_coco_folder',
            hub_tag='object-detection',
            default_model='cascade-mask-rcnn_eva-g-p16_1536_coco-seg',
            recipes={
                'nano': Recipe('nano/detection.py', 8),
                'base': _coco('detection/cascade-mask-rcnn_eva-b-p16_lsj-1024_coco.py', 16),
                'large': _coco('detection/cascade-mask-rcnn_eva-l-p16_lsj-1024_coco.py', 16),
                'giant': _coco('detection/cascade-mask-rcnn_eva-g-p16_lsj-1280_coco.py', 64),
            },
        ),
        Task(
            'segmentation',
            host='mmseg',
            key_table='eva_mm.checkpoint.key_tables.segmentation:TABLE',
            inferencer='eva_mm.apis.inference.segmentation:SegmentationInferencer',
            use_folder='eva_mm.datasets.own.segmentation:use_label_maps',
            hub_tag='image-segmentation',
            default_model='mask2former_eva-g-p16-adapter_ade20k-896px',
            recipes={
                'nano': Recipe('nano/segmentation.py', 8),
                'base': _ade20k('segmentation/mask2former_eva-b-p16-adapter_ade20k-512px.py', 8),
                'large': _ade20k('segmentation/mask2former_eva-l-p16-adapter_ade20k-512px.py', 4),
                'giant': _ade20k('segmentation/mask2former_eva-g-p16-adapter_ade20k-896px.py', 64),
            },
        ),
        Task(
            'video',
            host='mmaction',
            key_table='eva_mm.checkpoint.key_tables.video:TABLE',
            inferencer='eva_mm.apis.inference.classification:VideoInferencer',
            use_folder='eva_mm.datasets.own.video:use_videos',
            hub_tag='video-classification',
            default_model='eva-g-p14_16f-224_k400',
            recipes={
                'nano': Recipe('nano/video.py', 16),
                'giant': Recipe('video/eva-g-p14_8f-224_k722.py', 256),
            },
        ),
        Task(
            'clip',
            aliases=('zero-shot',),
            host='mmpretrain',
            model='eva_mm.EVACLIP',
            key_table='eva_mm.checkpoint.key_tables.clip:TABLE',
            inferencer='eva_mm.apis.inference.classification:ZeroShotInferencer',
            hub_tag='zero-shot-image-classification',
            default_model='eva-clip-g-p14_laion400m-224px',
        ),
        # no training: what any image model sees
        Task(
            'features',
            host='mmpretrain',
            inferencer='eva_mm.apis.inference.features:FeatureInferencer',
            hub_tag='image-feature-extraction',
            default_model='eva-g-p14_mim-clip-l_merged30m-224px',
        ),
    )
}


def find_task(name: str) -> Task:
    """The task of a name or an alias.

    Raises:
        UserError: Unknown name.
    """
    for task in TASKS.values():
        if name == task.name or name in task.aliases:
            return task
    raise UserError(f'task={name!r} is unknown: choose from {", ".join(TASKS)}.')


def task_of(cfg: Mapping[str, Any]) -> Task:
    """The task that a config is for: by the type of its model, else by its host.

    A model of a host that is in no row, such as mmpretrain's own, is taken for the task of that host.
    """
    trained = [task for task in TASKS.values() if task.key_table]
    for task in trained:
        if task.model and task.model == cfg['model'].get('type'):
            return task
    host = cfg.get('default_scope')
    return next((task for task in trained if task.model is None and task.host == host), TASKS['classification'])
