"""What mmengine and the hosts load by themselves, read as safely as by us."""

import os

import pytest
import torch
from hostile import evil_checkpoint, flipped, saved, served, tensor_place
from mmengine.config import Config
from mmengine.model import BaseModel
from mmengine.registry import DATASETS, MODELS
from mmengine.runner.checkpoint import CheckpointLoader, _load_checkpoint, load_checkpoint
from torch import nn

from eva_mm.apis.runner import build_runner


@pytest.fixture
def canary(tmp_path):
    return tmp_path / 'code-has-run'


@pytest.fixture(autouse=True)
def _hub(tmp_path, monkeypatch):
    """A cache of its own, and a switch that a user's shell may have."""
    monkeypatch.setattr(torch.hub, '_hub_dir', str(tmp_path / 'hub'))
    monkeypatch.setenv('TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD', '1')


@pytest.fixture
def evil(tmp_path, canary):
    return evil_checkpoint(tmp_path / 'evil.pth', canary)


def test_files_and_addresses_run_no_code(evil, canary):
    with served({'evil.pth': evil.read_bytes()}) as address:
        for source in (str(evil), f'{address}/evil.pth'):
            with pytest.raises(ValueError, match='reading those can run code'):
                _load_checkpoint(source, map_location='cpu')
    assert not canary.exists()


def test_every_scheme_that_leads_to_an_address_runs_no_code(evil, canary, monkeypatch):
    import mmengine.runner.checkpoint as module

    with served({'evil.pth': evil.read_bytes()}) as address:
        for name in ('get_torchvision_models', 'get_external_models', 'get_mmcls_models'):
            monkeypatch.setattr(module, name, lambda address=address: {'evil': f'{address}/evil.pth'})
        monkeypatch.setattr(module, 'get_deprecated_model_names', dict)
        for scheme in ('torchvision://', 'open-mmlab://', 'mmcls://'):
            with pytest.raises(ValueError, match='reading those can run code'):
                CheckpointLoader.load_checkpoint(f'{scheme}evil')
    assert not canary.exists()


@pytest.mark.parametrize('backbone', ['mmpretrain.ResNet', 'mmdet.ResNet', 'mmseg.ResNetV1c', 'mmaction.ResNet'])
def test_init_cfg_of_a_host_runs_no_code(backbone, evil, canary):
    with served({'evil.pth': evil.read_bytes()}) as address:
        config = dict(type=backbone, depth=18)
        source = f'{address}/evil.pth'
        option = dict(pretrained=source) if backbone.startswith('mmaction') else {}
        config |= option or dict(init_cfg=dict(type='Pretrained', checkpoint=source))
        with pytest.raises(ValueError, match='reading those can run code'):
            MODELS.build(config).init_weights()
    assert not canary.exists()


@MODELS.register_module()
class OneWeight(BaseModel):
    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.zeros(2))

    def forward(self, inputs, mode='tensor'):
        return {'loss': (self.w * inputs.mean()).sum()}


@DATASETS.register_module()
class TwoNumbers(torch.utils.data.Dataset):
    metainfo: dict = {}

    def __len__(self):
        return 4

    def __getitem__(self, index):
        return dict(inputs=torch.ones(2))


def runner_of(tmp_path, strategy, **changes):
    cfg = Config(
        dict(
            model=dict(type='OneWeight'),
            work_dir=str(tmp_path / 'work'),
            train_dataloader=dict(
                batch_size=2,
                dataset=dict(type='TwoNumbers'),
                sampler=dict(type='DefaultSampler', shuffle=False),
                collate_fn=dict(type='default_collate'),
            ),
            train_cfg=dict(by_epoch=True, max_epochs=1),
            optim_wrapper=dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=0.1)),
            experiment_name=f'{strategy}-{len(list(tmp_path.iterdir()))}',
            log_level='ERROR',
            env_cfg=dict(dist_cfg=dict(backend='gloo')),
            default_hooks={},
            launcher='none',
            **changes,
        )
    )
    if strategy:
        cfg.strategy = dict(type='SingleDeviceStrategy')
    return build_runner(cfg)


@pytest.mark.parametrize('strategy', [False, True])
@pytest.mark.parametrize('resume', [False, True])
def test_load_from_and_resume_run_no_code(strategy, resume, evil, canary, tmp_path):
    with served({'evil.pth': evil.read_bytes()}) as address:
        for source in (str(evil), f'{address}/evil.pth'):
            with pytest.raises(ValueError, match='reading those can run code'):
                runner_of(tmp_path, strategy, load_from=source, resume=resume).train()
    assert not canary.exists()


@pytest.mark.parametrize('strategy', [False, True])
def test_the_text_of_a_config_in_a_checkpoint_is_not_run_on_resuming(strategy, canary, tmp_path):
    runner_of(tmp_path, strategy).train()
    path = tmp_path / 'work' / 'epoch_1.pth'
    content = torch.load(path, weights_only=True)
    content['meta']['config'] = f'import os\nos.mkdir({str(canary)!r})\n'
    torch.save(content, path)
    runner_of(tmp_path, strategy, load_from=str(path), resume=True).train()
    assert not canary.exists()


def test_addresses_of_one_file_name_do_not_replace_each_other():
    with served({'a/m.pth': saved({'w': torch.ones(1)}), 'b/m.pth': saved({'w': torch.zeros(1)})}) as address:
        read = [_load_checkpoint(f'{address}/{name}/m.pth')['w'].item() for name in 'abab']
    assert read == [1, 0, 1, 0]


def test_a_wrong_bit_is_found(tmp_path):
    weights = torch.linspace(0, 1, 500)
    content = saved({'state_dict': {'w': weights}})
    (tmp_path / 'x.pth').write_bytes(flipped(content, tensor_place(content, weights), 3))
    with pytest.raises(ValueError, match='checksum .* is wrong'):
        load_checkpoint(OneWeight(), str(tmp_path / 'x.pth'))


@pytest.mark.parametrize(
    'weight, message',
    [
        (torch.tensor([1.0, float('nan')]), 'NaN or infinite values: w'),
        (torch.tensor([1.0, float('inf')]), 'NaN or infinite values: w'),
        (torch.tensor([1, 2]), 'integers where floating-point numbers belong: w'),
        (torch.tensor([1j, 2]), 'complex numbers where floating-point numbers belong: w'),
    ],
)
def test_values_that_no_weight_can_have_are_not_copied(weight, message, tmp_path):
    torch.save({'state_dict': {'w': weight}}, tmp_path / 'x.pth')
    model = OneWeight()
    with pytest.raises(ValueError, match=message):
        load_checkpoint(model, str(tmp_path / 'x.pth'))
    assert model.w.tolist() == [0, 0]


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / 'x.pth')
    with pytest.raises(ValueError, match='named pipe'):
        load_checkpoint(OneWeight(), str(tmp_path / 'x.pth'))
