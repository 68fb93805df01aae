import pytest
from mmengine.config import Config

from eva_mm.apis import UserError
from eva_mm.apis.config import check_starting_weights


def _config(**model):
    return Config(dict(model=model))


def _start(path):
    return dict(init_cfg=dict(type='Pretrained', checkpoint=path))


@pytest.mark.parametrize(
    'model, key',
    [
        (dict(backbone=_start('no.pth')), 'model.backbone.init_cfg.checkpoint'),
        (_start('no.pth'), 'model.init_cfg.checkpoint'),
        (dict(heads=[dict(), _start('no.pth')]), 'model.heads.1.init_cfg.checkpoint'),
        (dict(target_generator=dict(model='local-dir:no.pth')), 'model.target_generator.model'),
    ],
)
def test_missing_weights_are_named(model, key):
    with pytest.raises(UserError) as error:
        check_starting_weights(_config(**model))
    assert f"The weights 'no.pth' of {key} do not exist" in str(error.value)
    assert f'--cfg-options {key}=PATH' in str(error.value)


def test_what_is_there_or_elsewhere_is_left_to_the_loader(tmp_path):
    (tmp_path / 'weights.pth').touch()
    for model in (
        dict(backbone=_start(str(tmp_path / 'weights.pth'))),
        dict(backbone=_start('https://host/weights.pth')),
        dict(backbone=dict(init_cfg=None)),
        dict(backbone=dict(init_cfg=[dict(type='Normal', layer='Linear', std=0.01)])),
        dict(target_generator=dict(model=f'local-dir:{tmp_path}')),
        dict(target_generator=dict(model='ViT-L-14-quickgelu', pretrained='openai')),
    ):
        check_starting_weights(_config(**model))
