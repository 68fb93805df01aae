"""Hostile uploads and requests, a few; `python tests/fuzz/hostile_page.py` sends hundreds."""

from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.fuzz.hostile_page import Page, attacks, photograph, problems, storm

pytestmark = pytest.mark.skipif(find_spec('gradio') is None, reason='needs gradio: pip install "eva_mm[demo]"')


def test_the_page_lives_and_keeps_nothing(tmp_path):
    page, canary = Page(tmp_path), tmp_path / 'canary'
    try:
        assert page.look(page.upload('photo.jpg', photograph())) == 'picture'
        before = page.bytes_of_memory()
        counts = storm(page, len(attacks(page, canary)), 12, canary)
        answers = dict(counts)
        assert not [kind for kind in answers if kind[1] == 'no answer']
        assert ('another host', 'HTTP 421') in answers and ('reading a file', 'HTTP 404') in answers
        assert not problems(page, canary, before)
    finally:
        page.close()
    assert not list(Path(tmp_path).glob('eva_mm-page-*'))
