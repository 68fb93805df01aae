"""A disk that is full at any moment: said once, nothing cut is left, the run goes on or ends with a code of its own."""

import json
import logging
import resource
from pathlib import Path

import mmcv
import mmengine
import numpy as np
import pytest
from long_run_toy import build
from mmengine.hooks import Hook

import eva_mm  # noqa: F401
from eva_mm.apis import run_errors, user_errors
from eva_mm.apis.test import write_metrics
from eva_mm.engine.long_run.checkpoint_store import newest_sound
from eva_mm.engine.long_run.full_disk import tolerate_full_disk
from eva_mm.process import DISK_FULL, is_full_disk
from eva_mm.whole_file import whole_file


@pytest.fixture
def full_disk():
    """A function after whose call no file can grow beyond so many bytes; ``None`` makes room."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def change(size):
        resource.setrlimit(resource.RLIMIT_FSIZE, before if size is None else (size, before[1]))

    yield change
    change(None)


class Fill(Hook):
    """Makes the disk full for some iterations, before anything of them is written; adds a picture to each."""

    priority = 'VERY_HIGH'

    def __init__(self, full_disk, first, last):
        self.full_disk, self.first, self.last = full_disk, first, last

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if runner.iter == self.first:
            self.full_disk(150)
        elif runner.iter == self.last:
            self.full_disk(None)

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        runner.visualizer.add_image('noise', np.random.randint(0, 256, (32, 32, 3), np.uint8), runner.iter)


def run(tmp_path, full_disk, first, last):
    runner = build(tmp_path, hooks=[Fill(full_disk, first, last)])
    runner.logger.setLevel('INFO')
    next(hook for hook in runner.hooks if type(hook).__name__ == 'LoggerHook').interval = 1
    tolerate_full_disk(runner)
    return runner


def logs(folder):
    return sorted(folder.glob('*/vis_data/*.json')), next(folder.glob('*/*.log'))


def test_log_scalars_and_pictures_are_left_out_while_it_is_full_and_go_on_after(tmp_path, full_disk, capsys):
    run(tmp_path, full_disk, 10, 14).train()
    files, log = logs(tmp_path)
    for file in files:
        steps = [json.loads(line)['step'] for line in file.read_text().splitlines()]
        assert set(range(1, 25)) - set(steps) == set(range(11, 15)), file
    pictures = {int(path.stem.split('_')[1]) for path in tmp_path.glob('*/vis_data/vis_image/*.png')}
    assert pictures == set(range(24)) - set(range(10, 14))
    assert not [path for path in tmp_path.rglob('*') if path.is_file() and not path.stat().st_size]
    assert newest_sound(tmp_path).endswith('iter_24.pth')
    said = ' '.join(capsys.readouterr())
    assert said.count(f'The log {log} could not be written') == 1
    for what in ('LocalVisBackend.add_scalars could not write', 'LocalVisBackend.add_image could not write'):
        assert said.count(what) == 1
    assert 'iter_12.pth could not be written' in said and 'Traceback' not in said


def test_full_until_the_end_keeps_the_old_checkpoint_and_has_a_code(tmp_path, full_disk):
    runner = run(tmp_path, full_disk, 10, 99)
    with pytest.raises(SystemExit) as ended:
        runner.train()
    full_disk(None)
    assert ended.value.code == DISK_FULL == 74 and runner.iter == 24
    assert newest_sound(tmp_path).endswith('iter_9.pth')
    assert not [path for path in tmp_path.rglob('.*.part')]


def test_another_failure_of_the_disk_is_raised(tmp_path, monkeypatch):
    runner = build(tmp_path)

    def fails(*args, **kwargs):
        raise OSError(5, 'Input/output error')

    backend = next(iter(runner.visualizer._vis_backends.values()))
    monkeypatch.setattr(backend, '_dump', fails)
    tolerate_full_disk(runner)
    with pytest.raises(OSError, match='Input/output'):
        runner.visualizer.add_scalars(dict(loss=1.0), 1)


def test_metrics_are_whole_or_absent(tmp_path, full_disk):
    write_metrics(dict(accuracy=1.0), tmp_path / 'out/metrics.json')
    full_disk(10)
    with pytest.raises(OSError) as caught:
        write_metrics(dict(accuracy=2.0), tmp_path / 'out/metrics.json')
    with pytest.raises(OSError):
        write_metrics(dict(accuracy=2.0), tmp_path / 'out/others.json')
    full_disk(None)
    assert is_full_disk(caught.value)
    assert {path.name: json.loads(path.read_text()) for path in (tmp_path / 'out').iterdir()} == {
        'metrics.json': dict(accuracy=1.0)
    }


def test_nothing_cut_is_left_where_a_block_fails(tmp_path):
    with pytest.raises(KeyboardInterrupt), whole_file(tmp_path / 'a.png') as part:
        assert part.suffix == '.png'
        part.write_text('half')
        raise KeyboardInterrupt
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize('name', ['picture.png', 'predictions.pkl', 'results.json'])
def test_nothing_cut_is_left_by_what_hosts_write_with(tmp_path, full_disk, name):
    """Pictures of mmdet and mmseg, ``DumpResults``, and dictionaries."""

    def write():
        if name == 'picture.png':
            mmcv.imwrite(np.random.randint(0, 256, (32, 32, 3), np.uint8), str(tmp_path / name))
        else:
            mmengine.dump(list(range(1000)), str(tmp_path / name))

    full_disk(100)
    with pytest.raises(OSError):
        write()
    full_disk(None)
    assert not list(tmp_path.iterdir())
    write()
    assert (tmp_path / name).stat().st_size > 100


@pytest.mark.parametrize(
    'error', [OSError(28, 'No space left on device'), OSError(122, 'Disk quota exceeded'),
              RuntimeError('[enforce fail] . PytorchStreamWriter failed writing file data/0')]
)  # fmt: skip
@pytest.mark.parametrize('around', [run_errors, user_errors])
def test_what_else_cannot_be_written_ends_in_one_line(error, around, capsys):
    if isinstance(error, RuntimeError) and around is user_errors:
        pytest.skip('it stands around what is read')
    with pytest.raises(SystemExit) as ended, around():
        raise error
    assert ended.value.code == DISK_FULL
    assert capsys.readouterr().err.startswith('error: the disk is full (')


def test_other_errors_keep_their_traceback():
    for error in (OSError(5, 'Input/output error'), RuntimeError('shape'), KeyError('x')):
        with pytest.raises(type(error)), run_errors():
            raise error


def test_a_logger_without_a_file_is_left_alone(tmp_path):
    runner = build(tmp_path)
    runner.logger.handlers = [each for each in runner.logger.handlers if not isinstance(each, logging.FileHandler)]
    tolerate_full_disk(runner)
    assert Path(tmp_path).exists()
