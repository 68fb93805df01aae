"""Pages of Markdown, as the tests of the documentation read them."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    [ROOT / 'README.md', *ROOT.glob('docs/**/*.md'), *ROOT.glob('configs/**/*.md'), *ROOT.glob('projects/**/*.md')]
)
# the line before the fence of a block that needs full-size data, a GPU, a cluster or minutes
_MARKER = re.compile(r'<!-- not run: (.+) -->')
# the page is made of another one, which is tested in its place
_INCLUDED = re.compile(r'^--8<-- "(.+)"$', re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A fenced block: what stands after the fence, its lines, and why it is not run."""

    page: Path
    line: int
    language: str
    text: str
    not_run: str | None


@dataclass(frozen=True)
class Command:
    """One command of a shell block: variables set for it, and its words."""

    variables: dict[str, str]
    words: list[str]


def name_of(page: Path) -> str:
    """A page's place in the repository."""
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path) -> list[Block]:
    """All fenced blocks of a page."""
    found, lines = [], page.read_text().split('\n')
    start = None
    for number, line in enumerate(lines):
        if not line.startswith('```'):
            continue
        if start is None:
            start = number
            continue
        marker = _MARKER.fullmatch(lines[start - 1].strip()) if start else None
        body = '\n'.join(lines[start + 1 : number])
        found.append(Block(page, start + 2, lines[start][3:].strip(), body, marker and marker[1]))
        start = None
    assert start is None, f'{name_of(page)}:{start + 1}: the fence is never closed'
    return found


def prose(page: Path) -> str:
    """A page without its fenced blocks."""
    return re.sub(r'^```.*?^```$', '', page.read_text(), flags=re.MULTILINE | re.DOTALL)


def headings(page: Path) -> set[str]:
    """The anchors of a page, as GitHub and mkdocs make them of headings."""
    text = prose(page)
    for included in _INCLUDED.findall(text):
        text += prose(ROOT / included)
    titles = re.findall(r'^#+ (.+)$', text, re.MULTILINE)
    return {re.sub(r'[^\w\- ]', '', re.sub(r'[`*]', '', title).strip().lower()).replace(' ', '-') for title in titles}


def links(page: Path) -> list[str]:
    """Targets of all links and pictures of a page."""
    return re.findall(r'\]\(([^)\s]+)\)', re.sub(r'`[^`]*`', '', prose(page)))


def commands(block: Block) -> Iterator[Command]:
    """The commands of a shell block, without comments."""
    for line in re.sub(r'\\\n\s*', ' ', block.text).split('\n'):
        words = shlex.split(line, comments=True)
        variables = {}
        while words and re.fullmatch(r'[A-Z_]+=.*', words[0]):
            name, _, value = words.pop(0).partition('=')
            variables[name] = value
        if words:
            yield Command(variables, words)
