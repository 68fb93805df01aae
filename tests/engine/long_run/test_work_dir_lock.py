"""A lock that lives as long as its process, whatever ends that."""

import errno
import json
import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from eva_mm.engine.long_run import work_dir_lock
from eva_mm.engine.long_run.work_dir_lock import LOCK, WorkDirInUse, lock_work_dir, release_work_dir

# without the package around it, which takes seconds to import
HOLD = f"""
import runpy, sys, time
runpy.run_path({work_dir_lock.__file__!r})['lock_work_dir'](sys.argv[1])
print('locked', flush=True)
time.sleep(300)
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that has locked ``tmp_path / 'run'``."""
    command = [sys.executable, '-c', HOLD, str(tmp_path / 'run')]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == 'locked\n'
    yield process
    process.kill()
    process.wait()


@pytest.fixture(autouse=True)
def free(tmp_path):
    """Nothing stays locked by this process."""
    yield
    release_work_dir(tmp_path / 'run')


def test_a_second_process_is_refused_with_the_name_of_the_first(holder, tmp_path):
    with pytest.raises(WorkDirInUse) as caught:
        lock_work_dir(tmp_path / 'run')
    sentence = str(caught.value)
    assert f'is in use by a run on {socket.gethostname()}, process {holder.pid}, since ' in sentence
    assert 'choose another --work-dir' in sentence and '\n' not in sentence


@pytest.mark.parametrize('number', [signal.SIGKILL, signal.SIGTERM])
def test_a_dead_holder_leaves_nothing_behind(holder, tmp_path, number):
    holder.send_signal(number)
    holder.wait()
    lock_work_dir(tmp_path / 'run')
    assert json.loads((tmp_path / 'run' / LOCK).read_text())['pid'] == os.getpid()


def test_a_process_may_lock_again_and_its_children_do_not_give_it_up(tmp_path):
    for _ in range(2):
        lock_work_dir(tmp_path / 'run')
    child = os.fork()
    if not child:
        os.closerange(3, 256)
        os._exit(0)
    os.waitpid(child, 0)
    done = subprocess.run(
        [sys.executable, '-c', HOLD.replace('time.sleep(300)', ''), str(tmp_path / 'run')],
        capture_output=True,
        text=True,
    )
    assert 'WorkDirInUse' in done.stderr and 'locked' not in done.stdout


def test_a_lock_without_a_name_still_locks(holder, tmp_path):
    (tmp_path / 'run' / LOCK).write_text('')
    with pytest.raises(WorkDirInUse, match='in use by another run'):
        lock_work_dir(tmp_path / 'run')


@pytest.mark.parametrize(
    'record, taken',
    [
        (dict(host=socket.gethostname(), pid=os.getppid()), True),
        (dict(host=socket.gethostname(), pid=2**22 + 1), False),
        (dict(host='another', pid=1), True),
        ({}, False),
        (dict(host=socket.gethostname(), pid='x'), False),
    ],
)
def test_where_the_file_system_has_no_locks_the_file_is_asked(tmp_path, monkeypatch, record, taken):
    def none(*args):
        raise OSError(errno.ENOLCK, 'No locks available')

    (tmp_path / 'run').mkdir()
    (tmp_path / 'run' / LOCK).write_text(json.dumps(dict(record, since=time.ctime(), command='x')) if record else '')
    monkeypatch.setattr(work_dir_lock.fcntl, 'lockf', none)
    if not taken:
        lock_work_dir(tmp_path / 'run')
        return
    with pytest.raises(WorkDirInUse, match='or remove .*lock if that run is gone'):
        lock_work_dir(tmp_path / 'run')


def test_a_full_disk_does_not_unlock(tmp_path, monkeypatch):
    def full(*args):
        raise OSError(errno.ENOSPC, 'No space left on device')

    monkeypatch.setattr(work_dir_lock.os, 'pwrite', full)
    lock_work_dir(tmp_path / 'run')
    monkeypatch.undo()
    child = os.fork()
    if not child:
        work_dir_lock._held.clear()
        try:
            lock_work_dir(tmp_path / 'run')
        except WorkDirInUse:
            os._exit(7)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
