"""The config that a checkpoint carries: what it may name, since checkpoints come from anywhere.

A registry of mmengine imports any dotted name that it does not know, and some registered types fetch, unpickle or run
what a string in a config tells them. So before anything is built from a carried config, every type in it is looked up
here, and the parts that are built may name no file and no address.
"""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from mmengine.config import Config
from mmengine.registry import Registry

from eva_mm.apis.plain_config import read_plain_config
from eva_mm.registry import HOST_TYPES
from eva_mm.safe_io.printed import printable, quoted

HOSTS = ('mmengine', 'mmpretrain', 'mmdet', 'mmseg', 'mmaction', 'eva_mm')
# of mmcv.ops, which hosts look up by name and not in a registry
_OPERATORS = frozenset(
    ('nms', 'soft_nms', 'nms_match', 'nms_rotated', 'nms_quadri', 'RoIAlign', 'RoIPool', 'RoIAlignRotated',
     'RiRoIAlignRotated', 'DeformRoIPool', 'DeformRoIPoolPack', 'ModulatedDeformRoIPoolPack')
)  # fmt: skip
# modules of registered types that fetch or evaluate what they are named, and are no part of any recipe here
REACHING = (
    'mmaction.models.multimodal', 'mmaction.models.similarity', 'mmdet.datasets.transforms.text_transformers',
    'mmdet.models.dense_heads.atss_vlfusion_head', 'mmdet.models.detectors.glip',
    'mmdet.models.detectors.grounding_dino', 'mmdet.models.language_models', 'mmdet.models.mot',
    'mmdet.models.task_modules.tracking', 'mmpretrain.models.backbones.timm_backbone',
    'mmpretrain.models.classifiers.hugging_face', 'mmpretrain.models.classifiers.timm', 'mmpretrain.models.multimodal',
    'mmpretrain.models.retrievers', 'mmpretrain.models.utils.huggingface', 'mmpretrain.models.utils.tokenizer',
    'mmseg.models.backbones.timm_backbone', 'mmseg.models.backbones.vpd', 'mmseg.models.text_encoder',
)  # fmt: skip
# lists of words under these keys are words; what a data set or a schedule says is not built
_WORDS = frozenset(('classes', 'templates', 'palette', 'thing_classes', 'stuff_classes'))
_FILE = re.compile(r'://|[/\\]|^~|\.(pth?|pkl|pickle|np[yz]|bin|ckpt|safetensors|json|ya?ml|py|txt|csv|h5|tsv)$', re.I)
_DTYPE = re.compile(r'\w+')
_TEACHER = 'eva_mm.CLIPTeacher'
_ADVICE = 'pass the config file in front of the checkpoint if you trust it'

Path = tuple[str | int, ...]


def read_carried_config(text: str, source: object, to_build: bool = True) -> Config:
    """A config from the text in a checkpoint, without what its weights once started from.

    Args:
        text: As mmengine keeps it.
        source: The checkpoint, for messages.
        to_build: Whether a model and a pipeline are to be built from it.

    Raises:
        ValueError: It is more than values, or names a type that is not registered in a host, in open_clip or here; or,
            if it is to be built, the parts that are built name files or addresses.
    """
    cfg = read_plain_config(text)
    try:
        check_types(cfg)
        forget_sources(cfg.get('model'))
        if to_build:
            check_built_parts(cfg)
    except ValueError as error:
        raise ValueError(f'The config in {printable(str(source))} is refused: {error}; {_ADVICE}.') from error
    return cfg


def check_types(cfg: Config) -> None:
    """Look up all types of a config, without building or importing what it names.

    Raises:
        ValueError: A type is not registered, or one that fetches what it is named.
    """
    scope = cfg.get('default_scope')
    if scope is not None and scope not in HOSTS:
        raise ValueError(f'default_scope={quoted(str(scope))} is not a host')
    _check_imports(cfg.get('custom_imports'))
    for path, node in _dicts(cfg._cfg_dict):
        inner = node.get('_scope_', scope)
        if inner is not None and inner not in HOSTS:
            raise ValueError(f'{_key(path)}._scope_={quoted(str(inner))} is not a host')
        if 'type' in node:
            _check_type(node['type'], inner, path)


def check_built_parts(cfg: Config) -> None:
    """Make sure that the parts of a config that inference builds name no file and no address.

    Raises:
        ValueError: One of them does.
    """
    for path, part in _built_parts(cfg):
        if path[-1] == 'metainfo' and isinstance(part.get('classes'), str):
            # a file of names; the checkpoint has them as well
            del part['classes']
        _check_strings(part, path)


def forget_sources(node: Any) -> None:
    """Take out of a model's config what its weights started from: it is not needed where the weights are at hand."""
    for _, part in _dicts(node):
        if 'Pretrained' in str(part.get('init_cfg') or ''):
            part['init_cfg'] = None
        if part.get('start_from'):
            part['start_from'] = None
        # of the teacher, which is not part of the weights
        if part.get('pretrained') and part.get('type') != _TEACHER:
            part['pretrained'] = None


def _check_imports(imports: Any) -> None:
    """A config may ask for modules of the hosts; nothing of it is imported here."""
    named = imports.get('imports') if isinstance(imports, dict) else imports
    for name in named if isinstance(named, (list, tuple)) else [named] if named else []:
        if not isinstance(name, str) or name.split('.')[0] not in HOSTS:
            raise ValueError(f'it imports {quoted(str(name))} (custom_imports), which is not part of a host')


def _dicts(node: Any, path: Path = ()) -> Iterator[tuple[Path, dict]]:
    """All dicts of a tree, each with its place."""
    if isinstance(node, dict):
        yield path, node
    for key, value in _items(node):
        if isinstance(value, (dict, list, tuple)):
            yield from _dicts(value, (*path, key))


def _items(node: Any) -> list[tuple[Any, Any]]:
    if isinstance(node, dict):
        return list(node.items())
    return list(enumerate(node)) if isinstance(node, (list, tuple)) else []


def _key(path: Path) -> str:
    return printable('.'.join(map(str, path))) or 'the config'


def _check_type(name: Any, scope: str | None, path: Path) -> None:
    if not isinstance(name, str):
        raise ValueError(f'{_key(path)}.type is a {type(name).__name__}, not a name')
    if name in _OPERATORS:
        return
    found = _find(name, scope)
    if found is None:
        raise ValueError(f'{_key(path)} has the type {quoted(name)}, which is not registered')
    if getattr(found, '__module__', '').startswith(REACHING):
        raise ValueError(f'{_key(path)} has the type {quoted(name)}, which loads other models by their names')


def _find(name: str, scope: str | None) -> Any:
    """What is registered under a name; nothing else is imported or looked up."""
    head, dot, rest = name.partition('.')
    if dot and head in HOSTS:
        return _find_in(head, rest)
    found = _find_in(scope, name) if scope else None
    return _find_in('mmengine', name) if found is None else found


def _find_in(host: str, name: str) -> Any:
    if host == 'eva_mm' and (module := _module_of(name)):
        host_package = HOST_TYPES[module][0]
        if find_spec(host_package) is None:
            raise ValueError(f'eva_mm.{name} needs {host_package}, which is not installed')
        import_module(module)
    registries = _registries(host)
    known = next((each for each in registries if name in each._module_dict), None)
    for registry in registries if known is None else ():
        # takes seconds for the first name of a host that has not been imported
        registry.import_from_location()
        if name in registry._module_dict:
            known = registry
            break
    return known and known._module_dict[name]


def _module_of(name: str) -> str | None:
    return next((module for module, (_, _, names) in HOST_TYPES.items() if name in names), None)


@cache
def _registries(host: str) -> tuple[Registry, ...]:
    if find_spec(host) is None:
        raise ValueError(f'it needs {host}, which is not installed')
    module = import_module(f'{host}.registry')
    return tuple(value for value in vars(module).values() if isinstance(value, Registry))


def _built_parts(cfg: Config) -> Iterator[tuple[Path, Any]]:
    """What inference builds: the model, the pipelines of evaluation, and what these need."""
    yield ('model',), cfg.get('model')
    for path, node in _dicts(cfg._cfg_dict):
        if not {'test_dataloader', 'val_dataloader'} & set(path) and 'tta_pipeline' not in path:
            continue
        for key in ('pipeline', 'metainfo', 'collate_fn'):
            if key in node:
                yield (*path, key), node[key]


def _check_strings(node: Any, path: Path) -> None:
    for key, value in _items(node):
        place = (*path, key)
        if isinstance(value, str):
            _check_string(value, key if isinstance(node, dict) else None, place)
        elif isinstance(value, dict) and value.get('type') == _TEACHER:
            _check_teacher(value, place)
        elif not (key in _WORDS and isinstance(value, (list, tuple))):
            _check_strings(value, place)


def _check_string(value: str, key: str | None, path: Path) -> None:
    if key not in ('type', '_scope_') and _FILE.search(value):
        raise ValueError(f'{_key(path)} names the file or address {quoted(value)}')
    if key == 'dtype' and not _DTYPE.fullmatch(value):
        raise ValueError(f'{_key(path)} is {quoted(value)}, not the name of a type')


def _check_teacher(teacher: Mapping[str, Any], path: Path) -> None:
    """A teacher may be a model of open_clip, or lie in a folder; its weights are read as safely as any."""
    import open_clip

    model = teacher.get('model', '')
    if not isinstance(model, str) or not (model.startswith('local-dir:') or model in open_clip.list_models()):
        raise ValueError(f'{_key(path)}.model is {quoted(str(model))}, which open_clip does not have')
    if teacher.get('cache_dir'):
        raise ValueError(f'{_key(path)}.cache_dir names a folder to write to')
