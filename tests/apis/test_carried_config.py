"""A checkpoint of tensors and text whose config names something to run: nothing of it is built, in any command."""

import os
import time
from pathlib import Path

import pytest
import torch
from mmengine.config import Config

from eva_mm.apis import build_inferencer, get_model
from eva_mm.apis.carried_config import REACHING, check_types, read_carried_config
from eva_mm.apis.config import load_config
from eva_mm.apis.publish import publish

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope='module')
def sound():
    """The text of a config that a nano run leaves in its checkpoints."""
    return load_config(str(ROOT / 'configs/nano/classification.py')).pretty_text


@pytest.fixture(scope='module')
def sound_detection():
    return load_config(str(ROOT / 'configs/nano/detection.py')).pretty_text


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    """A module that a config could name, beside the checkpoint."""
    (tmp_path / 'evil').mkdir()
    (tmp_path / 'evil' / '__init__.py').write_text('')
    (tmp_path / 'evil' / 'registry.py').write_text(f'import os\nos.mkdir({str(tmp_path / "made")!r})\n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))


def checkpoint(cfg, name='evil.pth', classes=('a', 'b')):
    text = cfg if isinstance(cfg, str) else cfg.pretty_text
    torch.save({'state_dict': {'w': torch.ones(2)}, 'meta': {'cfg': text, 'dataset_meta': {'classes': classes}}}, name)
    return name


def _every_command(name):
    yield lambda: build_inferencer(name)
    yield lambda: get_model(name)
    yield lambda: publish(name, 'published.pth')


COMMAND = dict(type='os.mkdir', path='made')
EVERYWHERE = {
    'model': COMMAND,
    'model.backbone': COMMAND,
    'model.backbone.init_cfg': COMMAND,
    'model.head.loss': COMMAND,
    'model.data_preprocessor': COMMAND,
    'test_dataloader.dataset': COMMAND,
    'test_dataloader.dataset.pipeline.1': COMMAND,
    'test_dataloader.collate_fn': COMMAND,
    'train_dataloader.sampler': COMMAND,
    'test_evaluator': COMMAND,
    'optim_wrapper.optimizer': COMMAND,
    'custom_hooks': [COMMAND],
    'visualizer': COMMAND,
    'anything.deep.inside': [[dict(here=(COMMAND,))]],
}


@pytest.mark.parametrize('place', EVERYWHERE)
def test_a_dotted_name_is_imported_nowhere(place, sound, tmp_path):
    cfg = Config.fromstring(sound, '.py')
    _set(cfg, place, EVERYWHERE[place])
    name = checkpoint(cfg)
    for command in _every_command(name):
        with pytest.raises(ValueError, match="'os.mkdir', which is not registered"):
            command()
    assert not (tmp_path / 'made').exists() and not (tmp_path / 'published.pth').exists()


def _set(cfg, place, value):
    *path, last = place.split('.')
    node = cfg
    for key in path:
        if not key.isdigit() and key not in node:
            node[key] = {}
        node = node[int(key) if key.isdigit() else key]
    node[int(last) if last.isdigit() else last] = value


@pytest.mark.parametrize(
    'place, value, message',
    [
        ('model.backbone.type', 'mmengine.utils.package_utils.install_package', 'which is not registered'),
        ('model.backbone.type', 'mmpretrain.models.backbones.ResNet', 'which is not registered'),
        ('model.backbone.type', 'evil.Anything', 'which is not registered'),
        ('model.backbone._scope_', 'evil', "_scope_='evil' is not a host"),
        ('default_scope', 'evil', "default_scope='evil' is not a host"),
        ('custom_imports', dict(imports=['evil.registry']), "it imports 'evil.registry'"),
        ('custom_imports', 'evil.registry', "it imports 'evil.registry'"),
        ('model.backbone.type', 5, 'is a int, not a name'),
        ('model.backbone.type', 'a\x1b[2Jb', r"'a\\x1b\[2Jb', which is not registered"),
        ('model.type', 'mmpretrain.HuggingFaceClassifier', 'loads other models by their names'),
        ('model.backbone', dict(type='mmpretrain.TIMMBackbone', model_name='hf-hub:a/b'), 'loads other models'),
    ],
)
def test_types_that_lead_elsewhere_are_refused(place, value, message, sound, tmp_path):
    cfg = Config.fromstring(sound, '.py')
    _set(cfg, place, value)
    for command in _every_command(checkpoint(cfg)):
        with pytest.raises(ValueError, match=message):
            command()
    assert not (tmp_path / 'made').exists()


def test_the_name_of_an_operator_is_no_expression(sound_detection, tmp_path):
    # mmcv evaluates it
    layer = 'model.roi_head.bbox_roi_extractor.roi_layer.type'
    for place in ('model.test_cfg.rpn.nms.type', 'model.test_cfg.rcnn.nms.type', layer):
        cfg = Config.fromstring(sound_detection, '.py')
        _set(cfg, place, "__import__('os').mkdir('made')")
        for command in _every_command(checkpoint(cfg)):
            with pytest.raises(ValueError, match='which is not registered'):
                command()
    assert not (tmp_path / 'made').exists()


@pytest.mark.parametrize(
    'place, value, message',
    [
        ('test_dataloader.dataset.pipeline', [
            dict(type='LoadImageFromFile'),
            dict(type='torchvision/ToDtype', dtype="float32.__class__.__base__.__subclasses__()"),
        ], 'not the name of a type|not registered'),
        ('test_dataloader.dataset.pipeline.0.backend_args', dict(backend='http', url='http://a/x'), 'names the file'),
        ('model.backbone.weights', '/etc/passwd', "names the file or address '/etc/passwd'"),
        ('model.head.loss.class_weight', 'weights.pkl', "names the file or address 'weights.pkl'"),
        ('model.backbone.source', 'https://example.org/x', 'names the file or address'),
        ('model.backbone.source', '~x', 'names the file or address'),
    ],
)  # fmt: skip
def test_what_is_built_names_no_file(place, value, message, sound):
    cfg = Config.fromstring(sound, '.py')
    _set(cfg, place, value)
    name = checkpoint(cfg)
    for command in (lambda: build_inferencer(name), lambda: get_model(name)):
        with pytest.raises(ValueError, match=message):
            command()


def test_what_the_weights_started_from_is_forgotten_wherever_it_is(sound):
    started = dict(type='Pretrained', checkpoint='https://example.org/evil.pth')
    cfg = Config.fromstring(sound, '.py')
    cfg.model.backbone.init_cfg = [started]
    cfg.model.neck = [dict(type='GlobalAveragePooling', init_cfg=started, pretrained='evil.pth')]
    read = read_carried_config(cfg.pretty_text, 'x')
    assert read.model.backbone.init_cfg is None
    assert read.model.neck[0].init_cfg is None and read.model.neck[0].pretrained is None


def test_a_text_in_the_place_of_the_classes_is_not_read(sound, tmp_path):
    (tmp_path / 'secret.txt').write_text('\n'.join(f'secret {number}' for number in range(10)))
    model = get_model(str(ROOT / 'configs/nano/classification.py'))
    torch.save(
        {'state_dict': model.state_dict(), 'meta': {'cfg': sound, 'dataset_meta': {'classes': 'secret.txt'}}}, 'x.pth'
    )
    assert not any('secret' in name for name in build_inferencer('x.pth').classes)


TEACHER = dict(type='eva_mm.CLIPTeacher', model='hf-hub:evil/model', pretrained='openai')


@pytest.mark.parametrize(
    'changes, message',
    [({}, 'which open_clip does not have'), (dict(model='ViT-B-32', cache_dir='/tmp/x'), 'names a folder to write to')],
)
def test_a_teacher_is_one_of_open_clip(changes, message, sound):
    cfg = Config.fromstring(sound, '.py')
    cfg.model.target_generator = {**TEACHER, **changes}
    with pytest.raises(ValueError, match=message):
        read_carried_config(cfg.pretty_text, 'x')


@pytest.mark.parametrize(
    'text, reason',
    [
        ('model = ' + '[' * 90 + ']' * 90, 'nested more than'),
        ('model = ' + '[' * 100_000, 'more than values'),
        ('model = ' + '-' * 100_000 + '1', 'more than values'),
        ('model = dict(' + 'a=dict(' * 500 + ')' * 501, 'more than values'),
        ('model = ' + '9' * 10_000, 'more than values'),
        ('filename = 1', 'reserved for config file'),
        ('model = {[]: 1}', 'more than values'),
        ('model = dict(1, 2)', 'more than values'),
        ('x = "' + 'y' * 5_000_000 + '"', 'characters'),
        ('model = 1\0', 'more than values'),
        ('import os', 'is not an assignment'),
        ('model = __import__("os").mkdir("made")', 'computes something'),
    ],
)
def test_configs_of_absurd_depth_or_size_are_one_line(text, reason, tmp_path):
    name = checkpoint(text)
    for command in _every_command(name):
        with pytest.raises(ValueError, match=reason) as caught:
            command()
        assert '\n' not in str(caught.value) and len(str(caught.value)) < 1000
    assert not (tmp_path / 'made').exists()


@pytest.mark.parametrize(
    'place, value, reason',
    [
        (
            'model.backbone.arch',
            dict(embed_dims=8, num_layers=10**9, num_heads=1, feedforward_channels=8),
            'many times',
        ),
        ('model.backbone.arch', dict(embed_dims=2**40, num_layers=1, num_heads=1, feedforward_channels=8), 'be built'),
        ('model.head.num_classes', 10**15, 'many times as large|be built'),
        ('model.backbone.arch', dict(embed_dims=8), 'be built|arch'),
        ('model.backbone', 7, 'be built|config'),
        ('model.head.topk', 'x', 'be built|cannot|weights'),
    ],
)
def test_a_model_that_cannot_be_built_is_one_line_at_once(place, value, reason, sound):
    cfg = Config.fromstring(sound, '.py')
    _set(cfg, place, value)
    name = checkpoint(cfg)
    begin = time.monotonic()
    for command in (lambda: build_inferencer(name), lambda: get_model(name)):
        with pytest.raises(ValueError, match=reason) as caught:
            command()
        assert '\n' not in str(caught.value)
    assert time.monotonic() - begin < 20


def test_a_key_with_a_quotation_mark_is_not_published(sound):
    cfg = Config.fromstring(sound, '.py')
    cfg.model.backbone = {"x': __import__('os').mkdir('made'), 'y": 1, 'type': 'eva_mm.EVAViT'}
    torch.save({'state_dict': {'w': torch.ones(2)}, 'meta': {'cfg': _with_repr(cfg)}}, 'evil.pth')
    with pytest.raises(ValueError, match='more than values'):
        publish('evil.pth', 'published.pth')
    assert not os.path.exists('made') and not os.path.exists('published.pth')


def _with_repr(cfg):
    """A text that is plain values, whatever its keys are."""
    return '\n'.join(f'{key} = {value!r}' for key, value in cfg.to_dict().items())


NEEDS_FILES = tuple(
    f'zero-shot_{name}' for name in ('birdsnap', 'fer2013', 'k400', 'k600', 'k700', 'objectnet', 'resisc45', 'ucf101')
)
OWN = sorted(path for path in ROOT.glob('configs/*/*.py') if path.parent.name != '_base_')


@pytest.mark.parametrize('path', OWN, ids=lambda path: f'{path.parent.name}/{path.stem}')
def test_every_config_of_ours_can_be_carried(path):
    text = Config.fromfile(path).pretty_text
    if path.stem in NEEDS_FILES:
        with pytest.raises(ValueError, match='zero_shot.classes names the file'):
            read_carried_config(text, 'x')
        read_carried_config(text, 'x', to_build=False)
    else:
        assert read_carried_config(text, 'x').model.type == Config.fromfile(path).model.type


@pytest.mark.parametrize('host', ['mmpretrain', 'mmdet', 'mmseg', 'mmaction'])
def test_registered_types_that_fetch_or_evaluate_names_are_known(host):
    """A tripwire: what a new version of a host registers is looked through here."""
    import importlib
    import inspect
    import re

    registry = pytest.importorskip(f'{host}.registry')
    fetches = re.compile(r'from_pretrained\(|create_model\(|clip\.load\(|[^.\w]eval\(|torch\.hub|urlopen')
    found = []
    for name in ('MODELS', 'TASK_UTILS', 'TRANSFORMS'):
        kinds = getattr(registry, name)
        kinds.import_from_location()
        for key, kind in kinds._module_dict.items():
            source = inspect.getsource(kind) if inspect.isclass(kind) else ''
            if fetches.search(source.split('"""', 2)[-1]) and not kind.__module__.startswith(REACHING):
                found.append(f'{key} ({kind.__module__})')
    assert not found
    assert importlib.import_module(host)


def test_operators_of_hosts_stay_usable(sound_detection):
    check_types(Config.fromstring(sound_detection, '.py'))
