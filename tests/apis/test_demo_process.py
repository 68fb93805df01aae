"""Models of the page in a process of their own: what happens to it does not happen to the page."""

import os
import signal

import pytest
from hostile import EPS, png

from eva_mm.apis import demo_process
from eva_mm.apis.demo_app import models_by_task
from eva_mm.apis.demo_process import DemoProcess
from eva_mm.apis.errors import UserError

NAME = 'nano/classification'


@pytest.fixture(scope='module')
def demo():
    models = {NAME: False}
    process = DemoProcess(models, 'cpu', models_by_task(models))
    yield process
    process.close()


@pytest.fixture
def file(tmp_path):
    (tmp_path / 'x.png').write_bytes(png(40, 30))
    return str(tmp_path / 'x.png')


def test_an_image_is_answered_as_plain_values(demo, file):
    answer = demo.answer(file, NAME)
    assert answer['picture'].startswith('data:image/png;base64,') and answer['colours'].startswith('data:image/png')
    assert len(answer['prediction']['top']) == 5 and answer['remark'].startswith(f'{NAME} on x.png.')


@pytest.mark.parametrize(
    'content, message',
    [(EPS, 'no known image format'), (png(60_000, 1), 'max_side'), (png(21_000, 30), 'max_side'),
     (png(8000, 7000), 'max_pixels'), (png(600, 5), 'max_ratio')],
)  # fmt: skip
def test_an_error_is_one_line_and_the_process_stays(demo, content, message, file, tmp_path):
    demo.answer(file, NAME)
    number = demo._process.pid
    (tmp_path / 'bad.png').write_bytes(content)
    with pytest.raises(UserError, match=message):
        demo.answer(str(tmp_path / 'bad.png'), NAME)
    assert demo._process.pid == number


def test_unknown_models_are_not_asked_for(demo, file):
    with pytest.raises(UserError, match='The page has no model'):
        demo.answer(file, '../../x')


def test_a_process_that_dies_is_started_again(demo, file):
    demo.answer(file, NAME)
    os.kill(demo._process.pid, signal.SIGKILL)
    demo._process.join(10)
    assert demo.answer(file, NAME)['picture']


def test_a_request_that_takes_too_long_is_ended(file):
    models = {NAME: False}
    process = DemoProcess(models, 'cpu', models_by_task(models), request_seconds=0.001)
    try:
        with pytest.raises(UserError, match='This file took longer than 0 seconds'):
            process.answer(file, NAME)
        assert process._process is None
    finally:
        process.close()


def test_memory_is_limited_and_given_back():
    import resource

    before = resource.getrlimit(resource.RLIMIT_AS)
    try:
        demo_process._limit_memory(2**28)
        with pytest.raises(MemoryError):
            bytearray(2**30)
        demo_process._limit_memory(None)
        bytearray(2**30)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
