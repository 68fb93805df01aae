import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.config import utils as config_utils
from mmengine.hooks import Hook
from mmengine.logging import HistoryBuffer
from mmengine.model import BaseModel
from mmengine.runner import Runner
from torch import nn
from torch.utils.data import Dataset

from eva_mm.compat import mmengine as compat

CONFIGS = Path(__file__).parents[2] / 'configs'
# one of each task at full size, and all nano ones
TASK_CONFIGS = [
    str(path.relative_to(CONFIGS))
    for folder in sorted(CONFIGS.iterdir())
    if folder.is_dir() and folder.name != '_base_'
    for path in sorted(folder.glob('*.py'))[: None if folder.name == 'nano' else 1]
]


class Points(Dataset):
    metainfo = dict(classes=('a', 'b'), palette=np.arange(6, dtype=np.uint8).reshape(2, 3), mean=np.float32(0.5))

    def __len__(self):
        return 4

    def __getitem__(self, index):
        return dict(inputs=torch.full((3,), float(index)))


class Line(BaseModel):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 1)

    def forward(self, inputs, mode):
        return dict(loss=self.layer(inputs).pow(2).mean())


class NumpyLog(Hook):
    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        runner.message_hub.update_scalar('train/extra', np.float32(1.5))
        runner.message_hub.update_info('best_score', np.float64(0.5))
        runner.message_hub.update_info('confusion', np.arange(4).reshape(2, 2))


def runner(work_dir, epochs, resume=False):
    torch.manual_seed(0)
    return Runner(
        model=Line(),
        work_dir=str(work_dir),
        experiment_name=f'{work_dir.name}_{epochs}_{resume}',
        train_dataloader=dict(
            batch_size=2,
            dataset=Points(),
            sampler=dict(type='DefaultSampler', shuffle=False),
            collate_fn=dict(type='default_collate'),
        ),
        train_cfg=dict(by_epoch=True, max_epochs=epochs),
        optim_wrapper=dict(optimizer=dict(type='AdamW', lr=0.1)),
        param_scheduler=[dict(type='LinearLR', start_factor=0.1, by_epoch=False, end=2)],
        custom_hooks=[dict(type='EMAHook'), NumpyLog()],
        resume=resume,
        log_level='ERROR',
        randomness=dict(seed=0),
    )


def reads(data, path):
    torch.save(data, path)
    return torch.load(path, weights_only=True)


def test_own_scope_is_known():
    assert config_utils.MODULE2PACKAGE['eva_mm'] == 'eva_mm'


@pytest.mark.parametrize('name', TASK_CONFIGS)
def test_inherited_by_name_a_config_is_what_it_is_by_its_path(tmp_path, name):
    mine = tmp_path / 'mine.py'
    mine.write_text(f"_base_ = 'eva_mm::{name}'\nmodel = dict(mine=_base_.model.type)\n")
    cfg = Config.fromfile(mine).to_dict()
    assert cfg['model'].pop('mine') == cfg['model']['type']
    assert cfg == Config.fromfile(CONFIGS / name).to_dict()


def test_a_base_that_we_do_not_have(tmp_path):
    (tmp_path / 'mine.py').write_text("_base_ = 'eva_mm::nano/detektion.py'\n")
    with pytest.raises(FileNotFoundError, match="did you mean 'nano/detection.py'"):
        Config.fromfile(tmp_path / 'mine.py')


def test_runner_resumes_from_its_own_checkpoint(tmp_path):
    runner(tmp_path, epochs=1).train()
    resumed = runner(tmp_path, epochs=2, resume=True)
    resumed.train()
    assert resumed.iter == 4
    assert len(resumed.message_hub.get_scalar('train/extra')._log_history) == 4

    whole = runner(tmp_path / 'whole', epochs=2)
    whole.train()
    torch.testing.assert_close(resumed.model.state_dict(), whole.model.state_dict(), rtol=0, atol=0)


def test_loading_stays_safe_without_saying_so(tmp_path):
    runner(tmp_path, epochs=1).train()
    checkpoint = torch.load(tmp_path / 'epoch_1.pth')
    assert checkpoint['meta']['dataset_meta']['palette'].dtype == np.uint8
    assert checkpoint['message_hub']['runtime_info']['best_score'] == 0.5


def test_history_buffer_keeps_its_statistics(tmp_path):
    buffer = reads(HistoryBuffer([1, 2, 3], [1, 1, 2]), tmp_path / 'a.pth')
    assert buffer.statistics('mean') == 6 / 4
    assert buffer.statistics('max') == 3


@pytest.mark.parametrize('code', '?bBhHiIlLqQefd')
def test_numeric_arrays_and_scalars(tmp_path, code):
    array = np.arange(3).astype(code)
    loaded = reads(dict(array=array, scalar=array[1]), tmp_path / 'a.pth')
    assert loaded['array'].dtype == array.dtype and (loaded['array'] == array).all()
    assert loaded['scalar'] == array[1]


@pytest.mark.parametrize('core', ['numpy.core', 'numpy._core'])
def test_arrays_written_by_numpy_1_and_2(tmp_path, core):
    file = tmp_path / 'a.pth'
    torch.save(np.arange(3.0), file, _use_new_zipfile_serialization=False)
    name = type(np.arange(3.0)).__reduce__(np.arange(3.0))[0].__module__.encode()
    file.write_bytes(file.read_bytes().replace(b'c' + name, b'c' + core.encode() + b'.multiarray'))
    assert (torch.load(file) == np.arange(3.0)).all()


class Command:
    """A pickle that would run code when it is read."""

    def __init__(self, function, *args):
        self.call = function, args

    def __reduce__(self):
        return self.call


def ran(path):
    path.write_text('code ran')


@pytest.mark.parametrize('function', [eval, exec, print, __import__, ran])
def test_pickle_that_would_run_code_is_refused(tmp_path, function):
    compat.allow_checkpoints()
    file = tmp_path / 'hostile.pth'
    torch.save(dict(state_dict={}, meta=Command(function, 'x')), file)
    with pytest.raises(pickle.UnpicklingError):
        torch.load(file)


def test_getattr_serves_statistics_only(tmp_path):
    compat.allow_checkpoints()
    for owner, name in [
        (HistoryBuffer, '__init__'),
        (HistoryBuffer, '__globals__'),
        (HistoryBuffer, 'update'),
        (HistoryBuffer, 'no_such_method'),
        (np.ndarray, 'tofile'),
        (torch.Tensor, 'numpy'),
    ]:
        torch.save(Command(getattr, owner, name), tmp_path / 'hostile.pth')
        with pytest.raises(pickle.UnpicklingError, match=name):
            torch.load(tmp_path / 'hostile.pth')
    torch.save(Command(getattr, HistoryBuffer, 'min'), tmp_path / 'own.pth')
    assert torch.load(tmp_path / 'own.pth') is HistoryBuffer.min


def test_object_arrays_stay_refused(tmp_path):
    torch.save(np.array([dict()], dtype=object), tmp_path / 'a.pth')
    with pytest.raises(pickle.UnpicklingError):
        torch.load(tmp_path / 'a.pth')
