"""Switches for speed and memory under ZeRO-1 on two gloo processes: torch.compile, checkpointing, fused AdamW."""

import pytest
import torch

from tests.engine.deepspeed.test_strategy import assert_equal, launch, needs_deepspeed, strategy

COMPILE = dict(type='eva_mm.CompileBlocksHook', backend='aot_eager')
WAYS = (False, True, 'selective')


@pytest.fixture(scope='module')
def results(tmp_path_factory):
    root = tmp_path_factory.mktemp('switches')
    options = dict(strategy=strategy(1), work_dir=f'{root}/short')
    jobs = {'plain': dict(options, model=dict(type='ToyBlocks'))}
    for way in WAYS:
        jobs[f'compiled {way}'] = dict(options, model=dict(type='ToyBlocks', with_cp=way), hooks=[COMPILE])
    whole = dict(iters=6, interval=3, strategy=strategy(1, 'fp16'))
    jobs['whole'] = dict(whole, work_dir=f'{root}/whole')
    for fused in (None, True):
        other = None if fused else True
        work_dir = f'{root}/{fused}'
        jobs[f'first {fused}'] = dict(whole, fused=fused, work_dir=work_dir, stop=3)
        jobs[f'second {fused}'] = dict(whole, fused=other, work_dir=work_dir, resume=True)
    return launch(root, 'jobs', jobs, '-m', 'torch.distributed.run', '--standalone', '--nproc_per_node=2')


@needs_deepspeed
@pytest.mark.parametrize('way', WAYS)
def test_compiled_blocks_train_as_before(results, way):
    plain, compiled = results['plain'], results[f'compiled {way}']
    assert compiled['loss'] == pytest.approx(plain['loss'], rel=1e-5)
    assert_equal(compiled['weights'][-1], plain['weights'][-1], tolerance=1e-5)


@needs_deepspeed
@pytest.mark.parametrize('fused', [None, True])
def test_a_run_may_change_to_fused_steps_and_back(results, fused):
    whole, first, second = (results[name] for name in ('whole', f'first {fused}', f'second {fused}'))
    assert first['loss'] + second['loss'] == pytest.approx(whole['loss'], rel=1e-3)
    assert_equal(second['weights'][-1], whole['weights'][-1], tolerance=1e-4)
    assert not torch.equal(*(whole['weights'][step]['head.weight'] for step in (0, -1)))
