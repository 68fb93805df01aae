"""Every config of ours, and configs of hosts, get the protection of a long run; a config can turn parts off."""

from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.hooks import CheckpointHook
from mmengine.runner import IterBasedTrainLoop

from eva_mm.engine.long_run.defaults import PARTS, add_long_run

CONFIGS = Path(__file__).parents[3] / 'configs'
LEAVES = [path for path in sorted(CONFIGS.glob('*/*.py')) if path.parent.name != '_base_']
HOOKS = ('eva_mm.StepSeedHook', 'eva_mm.PreemptionHook', 'eva_mm.LossGuardHook', 'eva_mm.FaultHook')


def hook_types(cfg):
    return [hook['type'] for hook in cfg.custom_hooks]


@pytest.mark.parametrize('path', LEAVES, ids=lambda path: f'{path.parent.name}/{path.stem}')
def test_every_config_is_protected(path):
    cfg = Config.fromfile(path)
    own = [hook['type'] for hook in cfg.get('custom_hooks') or ()]
    line = add_long_run(cfg)
    if cfg.get('train_cfg') is None:
        assert hook_types(cfg) == [*own, 'eva_mm.FaultHook']
        return
    left_out = {'eva_mm.LossGuardHook'} if path.stem.endswith('_faithful') else set()
    assert set(hook_types(cfg)) == {*own, *HOOKS} - left_out
    assert len(hook_types(cfg)) == len(set(hook_types(cfg)))
    assert cfg.train_cfg.type in ('eva_mm.ResumableEpochLoop', 'eva_mm.ResumableIterLoop', 'eva_mm.StreamTrainLoop')
    assert cfg.default_hooks.checkpoint.type == 'eva_mm.SafeCheckpointHook'
    assert ('Without' in line) == bool(left_out)


def test_what_it_adds_is_what_the_base_config_shows():
    shown, added = (Config.fromfile(CONFIGS / '_base_/long_run.py') for _ in range(2))
    added.pop('custom_hooks')
    added.train_cfg = dict(by_epoch=True)
    added.default_hooks.checkpoint = dict(type='CheckpointHook', interval=1, _scope_='mmpretrain')
    add_long_run(added)
    shown.default_hooks.checkpoint.interval = 1
    assert added.to_dict() == shown.to_dict()


def test_it_may_be_done_twice():
    cfg = Config(dict(train_cfg=dict(by_epoch=False, max_iters=3)))
    first = add_long_run(cfg)
    before = cfg.to_dict()
    assert add_long_run(cfg) == first and cfg.to_dict() == before
    assert cfg.train_cfg == dict(type='eva_mm.ResumableIterLoop', max_iters=3)


@pytest.mark.parametrize(
    'loop, hook',
    [
        (dict(type='IterBasedTrainLoop', max_iters=3), dict(type='CheckpointHook', interval=7)),
        (dict(type='mmengine.IterBasedTrainLoop', max_iters=3), dict(type='mmengine.CheckpointHook', interval=7)),
        (dict(type=IterBasedTrainLoop, max_iters=3), dict(type=CheckpointHook, interval=7)),
    ],
    ids=['name', 'scoped', 'class'],
)
def test_types_may_be_written_in_any_way(loop, hook):
    cfg = Config(dict(train_cfg=loop, default_hooks=dict(checkpoint=hook), custom_hooks=[dict(type='EMAHook')]))
    add_long_run(cfg)
    assert cfg.train_cfg == dict(type='eva_mm.ResumableIterLoop', max_iters=3)
    assert cfg.default_hooks.checkpoint == dict(type='eva_mm.SafeCheckpointHook', interval=7)
    assert hook_types(cfg) == ['EMAHook', *HOOKS]


def test_a_config_without_hooks_gets_mmengines_interval():
    cfg = Config(dict(train_cfg=dict(by_epoch=True, max_epochs=3)))
    add_long_run(cfg)
    assert cfg.default_hooks.checkpoint == dict(type='eva_mm.SafeCheckpointHook', interval=1)


@pytest.mark.parametrize('part', PARTS)
def test_each_part_can_be_turned_off(part):
    cfg = Config(dict(train_cfg=dict(type='IterBasedTrainLoop', max_iters=3), long_run={part: None}))
    line = add_long_run(cfg)
    assert f'{part} (off in the config)' in line and PARTS[part] not in line
    is_there = dict(
        exact_resume=cfg.train_cfg.type.startswith('eva_mm.') and 'eva_mm.StepSeedHook' in hook_types(cfg),
        checkpoints='checkpoint' in (cfg.get('default_hooks') or {}),
        preemption='eva_mm.PreemptionHook' in hook_types(cfg),
        loss_guard='eva_mm.LossGuardHook' in hook_types(cfg),
        faults='eva_mm.FaultHook' in hook_types(cfg),
    )
    # what saves when it is asked to stop needs the hook that saves
    off = {part, 'preemption'} if part == 'checkpoints' else {part}
    assert {name for name, there in is_there.items() if not there} == off


def test_all_can_be_turned_off():
    cfg = Config(dict(train_cfg=dict(type='IterBasedTrainLoop', max_iters=3), long_run=None))
    before = cfg.to_dict()
    assert 'long_run: nothing.' in add_long_run(cfg)
    assert cfg.to_dict() == before


def test_options_reach_the_hooks():
    options = dict(loss_guard=dict(roll_back=True), faults=dict(policy='refuse'), checkpoints=dict(max_keep_ckpts=2))
    cfg = Config(dict(train_cfg=dict(type='IterBasedTrainLoop', max_iters=3), long_run=options))
    add_long_run(cfg)
    hooks = {hook['type']: hook for hook in cfg.custom_hooks}
    assert hooks['eva_mm.LossGuardHook']['roll_back'] and hooks['eva_mm.FaultHook']['policy'] == 'refuse'
    assert cfg.default_hooks.checkpoint.max_keep_ckpts == 2


@pytest.mark.parametrize(
    'changes, words',
    [
        (dict(train_cfg=dict(type='MultiLoaderEpochBasedTrainLoop')), 'exact_resume (train_cfg.type is MultiLoader'),
        (dict(default_hooks=dict(checkpoint=None)), 'checkpoints (default_hooks.checkpoint is None); preemption (it'),
        (dict(default_hooks=dict(checkpoint=dict(type='Mine'))), 'checkpoints (default_hooks.checkpoint.type is Mine)'),
        (
            dict(default_hooks=dict(checkpoint=dict(type='CheckpointHook', out_dir='s3://bucket'))),
            'checkpoints (s3://bucket is not a local directory)',
        ),
    ],
)
def test_what_a_config_has_of_its_own_is_kept_and_named(changes, words):
    cfg = Config({'train_cfg': dict(type='IterBasedTrainLoop', max_iters=3), **changes})
    own = Config(dict(changes)).to_dict()
    assert words in add_long_run(cfg)
    for key, value in own.items():
        assert cfg[key].to_dict() == value


def test_a_wrong_key_is_one_sentence():
    for long_run, words in ((dict(los_guard=None), "'los_guard', which is unknown"), (dict(faults=True), 'a dict of')):
        with pytest.raises(ValueError, match=words):
            add_long_run(Config(dict(train_cfg=dict(by_epoch=True), long_run=long_run)))
