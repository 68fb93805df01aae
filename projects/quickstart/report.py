"""The page that the quickstart ends with: self-contained HTML with pictures."""

import base64
import html
import platform
from importlib import import_module
from pathlib import Path

import torch
from pictures.curves import draw_curves
from pictures.mim import draw_features
from tasks import Task

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #222 }
h1, h2 { line-height: 1.2 } h2 { margin-top: 2.5rem }
table { border-collapse: collapse } th, td { padding: .4rem .9rem; border-bottom: 1px solid #ddd; text-align: right }
th:first-child, td:first-child { text-align: left } .best { font-weight: 600 }
img { max-width: 100%; margin: .5rem 0 } code { background: #f3f3f3; padding: .1rem .3rem } p.note { color: #666 }
"""


def _picture(file: Path, text: str) -> str:
    data = base64.b64encode(file.read_bytes()).decode()
    return f'<p>{html.escape(text)}</p><img alt="{html.escape(text)}" src="data:image/png;base64,{data}">'


def _table(tasks: list[Task], summary: dict) -> str:
    rows = []
    for task in tasks:
        row = summary['tasks'][task.name]
        rows.append(
            f'<tr><td>{html.escape(task.title)}</td><td>{html.escape(task.metric_title)}</td>'
            f'<td class="best">{row["mim"]:.1f}</td><td>{row["scratch"]:.1f}</td><td>{row["seconds"]:.0f}</td></tr>'
        )
    head = '<tr><th>Task</th><th>Metric</th><th>From MIM</th><th>From scratch</th><th>Seconds, both</th></tr>'
    return f'<table>{head}{"".join(rows)}</table>'


def write_report(root: Path, tasks: list[Task], summary: dict, *, data: Path, teacher: Path, student: Path) -> Path:
    """Draw the pictures and write ``report.html``.

    Args:
        root: Folder of the quickstart; ``<task>/mim`` and ``<task>/scratch`` are the runs.
        tasks: Tasks that ran.
        summary: What ``report.json`` holds.
        data: The nano world.
        teacher: Folder of the nano CLIP.
        student: Work dir of the MIM pre-training.

    Returns:
        The page.
    """
    pictures = root / 'pictures'
    pictures.mkdir(parents=True, exist_ok=True)
    parts = [
        '<h1>EVA at nano size: pre-trained, transferred, compared</h1>',
        '<p>A nano CLIP was trained on captions. A nano EVA then learned to predict the features that this CLIP sees '
        'in patches hidden from EVA. Each task below was trained twice, equally: from these weights and from scratch.'
        '</p>',
        _table(tasks, summary),
        '<p class="note">One seed. <code>make study TASK=NAME</code> runs three with a longer schedule.</p>',
        '<h2>Masked image modelling</h2>',
        _picture(
            draw_features(student, teacher, data, pictures / 'mim.png'),
            'What the student sees; what the teacher sees of the whole image; what the student predicts. Features are '
            'shown by their first three principal components as red, green and blue.',
        ),
        _picture(
            draw_curves({'MIM': student}, 'loss', 'negative cosine similarity', pictures / 'mim_loss.png'),
            'Training loss: the negative cosine similarity to the teacher in hidden patches.',
        ),
    ]
    for task in tasks:
        runs = {init: root / task.name / init for init in ('mim', 'scratch')}
        draw = import_module(f'pictures.{task.pictures or task.name}').draw
        own = pictures / task.name
        own.mkdir(exist_ok=True)
        parts += [
            f'<h2>{html.escape(task.title)}</h2>',
            *(_picture(file, text) for file, text in draw(runs, own)),
            _picture(
                draw_curves(runs, task.metric, task.metric_title, own / 'curve.png'),
                f'{task.metric_title} on the validation set during training.',
            ),
            f'<p class="note"><code>python tools/train.py {task.config}</code></p>',
        ]
    parts.append(
        f'<p class="note">torch {torch.__version__}, {torch.get_num_threads()} threads, {platform.machine()}, '
        f'Python {platform.python_version()}.</p>'
    )
    page = root / 'report.html'
    page.write_text(
        f'<!doctype html><meta charset="utf-8"><title>EVA quickstart</title><style>{_STYLE}</style>{"".join(parts)}'
    )
    return page
