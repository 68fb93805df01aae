"""Who may ask the page, for what, how much and how long."""

import asyncio
import os
import time

import pytest

from eva_mm.apis import demo_guard
from eva_mm.apis.demo_guard import Guard, Uploads


async def echo(scope, receive, send):
    """Answers with the number of bytes that came."""
    size, more = 0, True
    while more:
        message = await receive()
        size += len(message.get('body', b''))
        more = message.get('more_body', False)
    await send({'type': 'http.response.start', 'status': 200, 'headers': []})
    await send({'type': 'http.response.body', 'body': str(size).encode()})


async def never(scope, receive, send):
    await asyncio.sleep(60)


def ask(path='/', method='GET', headers=(), body=(b'',), app=echo, pause=0.0, max_bytes=1000):
    """Status of an answer."""
    given = {b'host': b'127.0.0.1:7860', **dict(headers)}
    scope = dict(type='http', path=path, method=method, server=('127.0.0.1', 7860), headers=list(given.items()))
    parts, statuses = list(body), []

    async def receive():
        await asyncio.sleep(pause)
        if not parts:
            await asyncio.sleep(60)
        return {'type': 'http.request', 'body': parts.pop(0), 'more_body': bool(parts)}

    async def send(message):
        if message['type'] == 'http.response.start':
            statuses.append(message['status'])

    asyncio.run(Guard(app, max_bytes)(scope, receive, send))
    (status,) = statuses
    return status


UPLOAD = dict(path='/gradio_api/upload', method='POST')


@pytest.mark.parametrize(
    'path, method',
    [('/', 'GET'), ('/config', 'GET'), ('/assets/index-1.js', 'GET'), ('/gradio_api/queue/data', 'GET'),
     ('/gradio_api/upload', 'POST'), ('/gradio_api/queue/join', 'POST'), ('/', 'HEAD')],
)  # fmt: skip
def test_what_the_page_uses_is_served(path, method):
    assert ask(path, method) == 200


@pytest.mark.parametrize(
    'path, method',
    [('/gradio_api/file=/etc/passwd', 'GET'), ('/file=/etc/passwd', 'GET'), ('/gradio_api/proxy=http://x', 'GET'),
     ('/monitoring', 'GET'), ('/gradio_api/run/look', 'POST'), ('/gradio_api/call/look', 'POST'), ('/config', 'POST'),
     ('/gradio_api/component_server', 'POST'), ('/gradio_api/vibe-edit', 'POST'), ('/', 'PUT'), ('/', 'TRACE'),
     ('/gradio_api/stream/1', 'POST'), ('/gradio_api/custom_component/1/client/x/y', 'GET'), ('/login', 'POST')],
)  # fmt: skip
def test_everything_else_is_not(path, method):
    assert ask(path, method) == 404


@pytest.mark.parametrize('host', [b'example.org', b'127.0.0.1', b'127.0.0.1:1', b'127.0.0.1:7860.example.org', b''])
def test_another_name_of_the_server_is_refused(host):
    assert ask(headers={b'host': host}) == 421


@pytest.mark.parametrize(
    'headers',
    [{b'origin': b'http://example.org'}, {b'origin': b'null'}, {b'origin': b'https://127.0.0.1:7860'},
     {b'origin': b'http://127.0.0.1:1'}, {b'sec-fetch-site': b'cross-site'}],
)  # fmt: skip
def test_another_page_is_refused(headers):
    assert ask(**UPLOAD, headers=headers) == 403


def test_the_page_itself_may_ask():
    for host in (b'127.0.0.1:7860', b'localhost:7860', b'[::1]:7860'):
        headers = {b'host': host, b'origin': b'http://' + host, b'sec-fetch-site': b'same-origin'}
        assert ask(**UPLOAD, headers=headers) == 200


def test_bodies_have_a_bound_whether_it_is_announced_or_not():
    assert ask(**UPLOAD, body=[b'x' * 1000]) == 200
    assert ask(**UPLOAD, headers={b'content-length': b'1001'}) == 413
    assert ask(**UPLOAD, headers={b'content-length': b'-1'}) == 413
    assert ask(**UPLOAD, headers={b'content-length': b'9' * 50}) == 413
    assert ask(**UPLOAD, body=[b'x' * 400] * 3) == 413
    assert ask('/gradio_api/queue/join', 'POST', body=[b'x' * 2**19] * 3, max_bytes=2**30) == 413


def test_bodies_and_answers_end_in_time(monkeypatch):
    monkeypatch.setattr(demo_guard, 'BODY_SECONDS', 0.3)
    monkeypatch.setattr(demo_guard, 'ANSWER_SECONDS', 0.2)
    start = time.monotonic()
    assert ask(**UPLOAD, body=[b'x'] * 100, pause=0.1) == 408
    assert ask(app=never) == 504
    assert time.monotonic() - start < 5


def test_too_many_at_once_are_refused(monkeypatch):
    monkeypatch.setattr(demo_guard, 'MOST_REQUESTS', 0)
    assert ask() == 503


@pytest.fixture
def uploads(tmp_path, monkeypatch):
    monkeypatch.setattr('tempfile.tempdir', str(tmp_path))
    opened = Uploads(seconds=60, max_bytes=100)
    yield opened
    opened.close()


def _write(uploads, name, size=10, age=0.0):
    path = uploads.folder / name / 'x.jpg'
    path.parent.mkdir()
    path.write_bytes(bytes(size))
    os.utime(path, (time.time() - age,) * 2)
    return path


def test_uploads_go_with_time_and_with_their_request(uploads):
    old, new, asked = _write(uploads, 'old', age=61), _write(uploads, 'new'), _write(uploads, 'asked')
    uploads.sweep(60)
    assert uploads.files() == [new, asked] and not old.parent.exists()
    with uploads.held(asked):
        os.utime(asked, (0, 0))
        uploads.sweep(60)
        assert asked.exists()
    assert 45 < time.time() - asked.stat().st_mtime < 60
    with uploads.held(old):  # gone already
        pass


def test_uploads_together_have_a_bound(uploads):
    first, second = _write(uploads, 'first', 60, age=5), _write(uploads, 'second', 60)
    uploads.sweep(60)
    assert uploads.files() == [second] and not first.exists()


def test_only_uploads_are_uploads(uploads, tmp_path):
    inside = _write(uploads, 'a')
    (uploads.folder / 'link').symlink_to('/etc/passwd')
    assert uploads.holds(inside)
    for path in ('/etc/passwd', uploads.folder / 'link', uploads.folder / '..' / 'x', f'{uploads.folder}-2/x'):
        assert not uploads.holds(path)


def test_nothing_is_left_even_of_a_page_that_was_killed(uploads, tmp_path):
    _write(uploads, 'a')
    uploads.close()
    assert not uploads.folder.exists()
    left, running = tmp_path / 'eva_mm-page-999999999-x', tmp_path / f'eva_mm-page-{os.getpid()}-x'
    left.mkdir()
    running.mkdir()
    Uploads().close()
    assert not left.exists() and running.exists()
