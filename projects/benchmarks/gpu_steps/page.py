"""The page: pictures first, then tables; one file without anything beside it."""

import base64
import html
from pathlib import Path
from typing import Any

_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; max-width: 75rem; margin: 2rem auto; padding: 0 1rem; color: #222 }
h1, h2 { line-height: 1.2 } h2 { margin-top: 2.5rem }
table { border-collapse: collapse; font-size: 13px } th, td { padding: .2rem .7rem; border-bottom: 1px solid #ddd }
th, td { text-align: left; vertical-align: top } .num { text-align: right; font-variant-numeric: tabular-nums }
.bad { background: #fbe3e0 } .skip { color: #777 } img { max-width: 100% } pre { overflow-x: auto; background: #f5f5f5 }
"""
# written out in the tables as they are, or not at all
_HIDDEN = ('losses', 'reference')


def _text(key: str, value: Any) -> str:
    if isinstance(value, float):
        return f'{value:.3g}'
    if key.endswith('bytes') and isinstance(value, int):
        return f'{value / 2**30:.3f} GiB'
    return '' if value is None else str(value)


def _cell(key: str, value: Any) -> str:
    kind = ' class="num"' if isinstance(value, (int, float)) else ''
    return f'<td{kind}>{html.escape(_text(key, value))}</td>'


def _table(rows: list[dict[str, Any]]) -> str:
    keys = list(dict.fromkeys(key for row in rows for key in row if key not in _HIDDEN))
    head = ''.join(f'<th>{html.escape(key.replace("_", " "))}</th>' for key in keys)
    body = []
    for row in rows:
        kind = {'ok': '', 'skipped': ' class="skip"'}.get(row['status'], ' class="bad"')
        cells = ''.join(_cell(key, row.get(key)) for key in keys)
        body.append(f'<tr{kind}>{cells}</tr>')
    return f'<table><tr>{head}</tr>{"".join(body)}</table>'


def _picture(png: bytes, title: str) -> str:
    return f'<img alt="{html.escape(title)}" src="data:image/png;base64,{base64.b64encode(png).decode()}">'


def _step(step: dict[str, Any], picture: bytes | None) -> str:
    parts = [f'<h2>{html.escape(step["title"])}</h2>', f'<p>{html.escape(step["line"])}</p>']
    if picture:
        parts.append(_picture(picture, step['title']))
    if step.get('log'):
        parts.append(f'<pre>{html.escape(step["log"])}</pre>')
    if step['rows']:
        parts.append(_table(step['rows']))
    return ''.join(parts)


def write_page(report: dict[str, Any], pictures: dict[str, bytes], file: Path) -> None:
    """Write the page.

    Args:
        report: What ``report.json`` holds.
        pictures: Name of a step to a PNG.
        file: The page.
    """
    machine = report['machine']
    device = machine.get('gpu') or machine.get('processor') or 'unknown'
    facts = ', '.join(f'{key} {value}' for key, value in machine.items() if key != 'versions')
    versions = ', '.join(f'{name} {value}' for name, value in machine.get('versions', {}).items())
    parts = [
        f'<h1>eva_mm on {html.escape(str(device))}</h1>',
        f'<p>{html.escape(report["command"])}: {html.escape(report["line"])}</p>',
        *(_step(step, pictures.get(step['name'])) for step in report['steps']),
        f'<h2>Machine</h2><p>{html.escape(facts)}</p><p>{html.escape(versions)}</p>',
    ]
    file.write_text(
        f'<!doctype html><meta charset="utf-8"><title>eva_mm GPU report</title><style>{_STYLE}</style>{"".join(parts)}'
    )
