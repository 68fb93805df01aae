"""The page in a real browser: Debian's chromium, driven through its debugging pipe."""

import base64
import json
import os
import select
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from importlib.util import find_spec
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]
CHROMIUM = shutil.which('chromium') or shutil.which('chromium-browser') or shutil.which('google-chrome')
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason='needs a browser: apt-get install chromium'),
    pytest.mark.skipif(find_spec('gradio') is None, reason='needs gradio: pip install "eva_mm[demo]"'),
]
# starting a page or a browser, and one prediction, on a busy core
PATIENCE = 300


class Browser:
    """One tab of a headless browser that is given nothing but the page.

    Messages of the DevTools protocol go through file descriptors 3 and 4 (``--remote-debugging-pipe``).
    """

    def __init__(self, profile: Path) -> None:
        reader, to_browser = os.pipe()
        self._replies, writer = os.pipe()

        def connect() -> None:
            # both ends are first moved away from 3 and 4, so that neither overwrites the other
            ends = [os.dup(os.dup(each)) for each in (reader, writer)]
            os.dup2(ends[0], 3)
            os.dup2(ends[1], 4)

        command = [CHROMIUM, '--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage',
                   '--remote-debugging-pipe', f'--user-data-dir={profile}', '--window-size=1200,1100']  # fmt: skip
        self._process = subprocess.Popen(
            command, close_fds=False, preexec_fn=connect, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        os.close(reader)
        os.close(writer)
        self._requests, self._buffer, self._number, self._session = to_browser, b'', 0, None
        target = self.call('Target.createTarget', url='about:blank')['targetId']
        self._session = self.call('Target.attachToTarget', targetId=target, flatten=True)['sessionId']

    def _message(self) -> dict:
        while b'\0' not in self._buffer:
            ready, _, _ = select.select([self._replies], [], [], PATIENCE)
            assert ready, 'the browser does not answer'
            self._buffer += os.read(self._replies, 1 << 20)
        text, _, self._buffer = self._buffer.partition(b'\0')
        return json.loads(text)

    def call(self, method: str, **parameters) -> dict:
        """One command and its result; events in between are dropped."""
        self._number += 1
        message = dict(id=self._number, method=method, params=parameters)
        if self._session:
            message['sessionId'] = self._session
        os.write(self._requests, json.dumps(message).encode() + b'\0')
        while (reply := self._message()).get('id') != self._number:
            pass
        assert 'error' not in reply, reply
        return reply['result']

    def evaluate(self, expression: str):
        """The value of JavaScript in the page."""
        reply = self.call('Runtime.evaluate', expression=expression, returnByValue=True)
        return reply['result'].get('value')

    def wait_for(self, expression: str) -> None:
        """Until JavaScript is true."""
        end = time.monotonic() + PATIENCE
        while not self.evaluate(expression):
            assert time.monotonic() < end, f'{expression} did not come true: {self.evaluate("document.body.innerText")}'
            time.sleep(0.5)

    def upload(self, selector: str, file: Path) -> None:
        """Choose a file in an input."""
        root = self.call('DOM.getDocument')['root']['nodeId']
        node = self.call('DOM.querySelector', nodeId=root, selector=selector)['nodeId']
        self.call('DOM.setFileInputFiles', nodeId=node, files=[str(file)])

    def screenshot(self, file: Path) -> None:
        """The page as a png."""
        file.write_bytes(base64.b64decode(self.call('Page.captureScreenshot')['data']))

    def close(self) -> None:
        """End the browser."""
        self._process.terminate()
        self._process.wait(20)
        os.close(self._requests)
        os.close(self._replies)


@pytest.fixture
def browser(tmp_path):
    opened = Browser(tmp_path / 'profile')
    yield opened
    opened.close()


@pytest.fixture(scope='module')
def page():
    """Address of a page with two nano models of random weights."""
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    models = [f'--model=nano/{task}=random' for task in ('classification', 'segmentation')]
    process = subprocess.Popen(
        [sys.executable, 'tools/demo_app.py', *models, '--port', str(port)], cwd=ROOT, stderr=subprocess.PIPE, text=True
    )
    address, end = f'http://127.0.0.1:{port}/', time.monotonic() + PATIENCE
    while True:
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < end, 'the page does not start'
        try:
            with urllib.request.urlopen(address, timeout=5):
                break
        except (urllib.error.URLError, TimeoutError):
            time.sleep(0.5)
    yield address
    process.terminate()
    process.wait(20)


def test_an_image_is_uploaded_and_its_result_shown_beside_its_features(page, browser, tmp_path):
    photograph = pytest.importorskip('sklearn.datasets').load_sample_image('china.jpg')
    file = tmp_path / 'china.jpg'
    Image.fromarray(photograph).save(file)
    browser.call('Page.navigate', url=page)
    browser.wait_for('!!document.querySelector("#file input[type=file]")')
    assert 'nano/classification' in browser.evaluate('document.querySelector("#model input").value')

    # the second task brings its own model
    browser.evaluate('document.querySelectorAll("#task input")[1].click()')
    browser.wait_for('document.querySelector("#model input").value == "nano/segmentation"')
    browser.upload('#file input[type=file]', file)
    browser.wait_for('document.querySelector("#file").innerText.includes("china")')
    browser.evaluate('document.querySelector("button#look, #look button").click()')
    browser.wait_for('document.querySelector("#remark").innerText.includes("patches as colours")')
    browser.wait_for('document.querySelectorAll("#picture img, #colours img").length == 2')
    images = '[...document.querySelectorAll("#picture img, #colours img")]'
    browser.wait_for(f'{images}.every(each => each.naturalWidth > 99)')
    assert not browser.evaluate('document.querySelectorAll("[aria-label*=hare]").length')
    browser.screenshot(tmp_path / 'page.png')
    with Image.open(tmp_path / 'page.png') as screenshot:
        assert screenshot.size[0] > 1000 and len(screenshot.convert('RGB').getcolors(1 << 24)) > 1000
    remark = browser.evaluate('document.querySelector("#remark").innerText')
    assert remark.startswith('nano/segmentation on china.jpg.') and 'The weights are random' in remark
    assert 'classes' in browser.evaluate('document.querySelector("#prediction").innerText')
    # everything that the page loaded came from itself
    loaded = browser.evaluate('performance.getEntriesByType("resource").map(each => each.name)')
    assert loaded and not [name for name in loaded if not name.startswith((page, 'data:', 'blob:'))]


def test_looking_without_a_file_says_so(page, browser):
    browser.call('Page.navigate', url=page)
    browser.wait_for('!!document.querySelector("button#look, #look button")')
    browser.evaluate('document.querySelector("button#look, #look button").click()')
    browser.wait_for('document.body.innerText.includes("There is no file yet: choose an image or a video first.")')
