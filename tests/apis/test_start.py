"""How a run starts: from weights, resumed, or both asked for; a line says what was taken."""

from itertools import count
from pathlib import Path

import pytest
import torch

from eva_mm.apis.config import load_config
from eva_mm.apis.errors import UserError
from eva_mm.apis.options import TrainOptions, parse_cfg_options
from eva_mm.apis.train import prepare_training
from eva_mm.checkpoint import export_state_dict
from eva_mm.models.backbones.eva_pretrain_vit import EVAPretrainViT

NUMBERS = count()
LIGHT = ['val_cfg=None', 'val_dataloader=None', 'val_evaluator=None', 'model.backbone.init_cfg=None']
LIGHT += [
    'train_dataloader.num_workers=0',
    'train_dataloader.persistent_workers=False',
    'param_scheduler.warmup_epochs=0',
]


def _prepare(world: Path, *more: str, data='own', work_dir='run', batch=4, epochs=1, **options):
    # runners of one second and one name would share a log
    name = f'experiment_name=run{next(NUMBERS)}'
    cfg_options = [name, f'train_dataloader.batch_size={batch}', f'train_cfg.max_epochs={epochs}', *LIGHT, *more]
    return prepare_training(
        TrainOptions(
            config='configs/nano/classification.py',
            data_root=str(world / data),
            work_dir=str(world / work_dir),
            cfg_options=parse_cfg_options(cfg_options),
            seed=0,
            **options,
        )
    )


@pytest.fixture(scope='module')
def world(tmp_path_factory, own_folders):
    """Two folders of data, a released file, and a run of one epoch that was told to resume and to start from it."""
    root = tmp_path_factory.mktemp('world')
    own_folders.class_folders(root / 'own')
    own_folders.class_folders(root / 'renamed')
    for part in ('train', 'val'):
        (root / 'renamed' / part / 'dog').rename(root / 'renamed' / part / 'wolf')
    trunk = EVAPretrainViT(arch='nano', img_size=84)
    trunk.init_weights()
    weights = {f'backbone.{name}': weight for name, weight in trunk.state_dict().items()}
    torch.save({'model': export_state_dict(weights, 'released').state_dict}, root / 'released.pt')
    runner = _prepare(root, load_from=str(root / 'released.pt'), resume='auto')
    runner._init_model_weights()
    runner.load_or_resume()
    loaded = runner.model.backbone.blocks[1].mlp.fc2.weight.detach().clone()
    runner.train()
    return root, loaded, trunk.blocks[1].mlp.fc2.weight.detach(), _log(runner)


def _log(runner) -> str:
    return ''.join(file.read_text() for file in sorted(Path(runner.work_dir).rglob('*.log')))


def test_a_new_run_told_to_resume_starts_from_the_weights_and_says_so(world):
    root, loaded, expected, log = world
    assert torch.equal(loaded, expected)
    assert f'--resume: no checkpoint in {root / "run"}; a new run starts.' in log
    assert 'released checkpoint for classification' in log


def test_the_second_start_resumes_and_says_what_it_took(world):
    root, *_ = world
    runner = _prepare(root, load_from=str(root / 'released.pt'), resume='auto', epochs=2)
    runner.train()
    (line,) = [line for line in _log(runner).splitlines() if 'Resumed ' in line]
    assert 'epoch_1.pth: weights in training, and their average, epoch 1, iteration 2, optimizer, ' in line
    assert 'the schedule of the config instead of the saved one (end 4, was 2' in line
    assert line.endswith('4 samples an iteration.')
    assert runner.epoch == 2


@pytest.mark.parametrize(
    'options, message',
    [
        (dict(data='renamed'), r'trained on 3 classes \(cat, dog, emu\), this run has 3 \(cat, emu, wolf\)'),
        (dict(batch=3), 'saved with 4 samples an iteration, this run has 3'),
        (dict(load_from='released.pt'), '--load-from and --resume FILE exclude each other'),
        (dict(resume='released.pt'), 'which holds weights and not a run'),
        (dict(resume='own'), 'a directory without checkpoints, but a run of this config resumes from a file'),
    ],
)
@pytest.mark.parametrize('more', [(), ('long_run=None',)])
def test_what_does_not_fit_is_one_sentence(world, options, message, more):
    root, *_ = world
    options = {key: str(root / value) if key in ('load_from', 'resume') else value for key, value in options.items()}
    with pytest.raises(UserError, match=message):
        _prepare(root, *more, **{'resume': str(root / 'run'), 'work_dir': 'again', **options}).train()


def test_a_warm_up_longer_than_the_run_is_cut_with_a_warning(world):
    root, *_ = world
    runner = _prepare(root, 'param_scheduler.warmup_epochs=3', work_dir='short')
    runner.train()
    assert 'The warm-up of 3 epochs is longer than the run of 1: it is cut to 0.1 epochs' in _log(runner)


def test_the_rate_is_scaled_by_the_samples_of_a_step(world):
    root, *_ = world
    rates = []
    for number, (batch, accumulated) in enumerate(((20, 1), (5, 1), (5, 2))):
        options = [f'optim_wrapper.accumulative_counts={accumulated}', 'train_dataloader.drop_last=False']
        runner = _prepare(root, *options, batch=batch, auto_scale_lr=True, work_dir=f'scaled{number}')
        runner.optim_wrapper = runner.build_optim_wrapper(runner.optim_wrapper)
        runner.scale_lr(runner.optim_wrapper, runner.auto_scale_lr)
        rates.append(runner.optim_wrapper.get_lr()['lr'][0])
    assert rates == pytest.approx([rates[0], rates[0] / 4, rates[0] / 2])


@pytest.mark.parametrize(
    'key', ['find_unused_parameters=True', 'sync_bn=torch', 'experiment_name=mine', 'compile=False']
)
def test_keys_that_runners_read_pass(world, key):
    root, *_ = world
    assert _prepare(root, key, work_dir=key.split('=')[0]).cfg[key.split('=')[0]] is not None


def test_a_dict_may_take_the_place_of_nothing():
    strategy = {'type': 'eva_mm.EVADeepSpeedStrategy', 'zero_optimization': {'stage': 1}}
    cfg = load_config('configs/nano/pretrain.py', cfg_options={'strategy': strategy, 'model.head': {'embed_dims': 5}})
    assert cfg.strategy == strategy and cfg.model.head.embed_dims == 5 and cfg.model.head.out_channels == 64


def test_keys_that_a_strategy_does_not_read_are_refused(world):
    with pytest.raises(UserError, match='sync_bn has no effect with a strategy'):
        load_config('configs/nano/pretrain_deepspeed.py', cfg_options={'sync_bn': 'torch'})
