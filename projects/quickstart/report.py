"""The page that the quickstart ends with: self-contained HTML with pictures."""

import base64
import html
import json
import platform
import statistics
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
        better = 'mim' if row['mim'] > row['scratch'] else 'scratch'

        def best(init: str, better: str = better) -> str:
            return ' class="best"' if init == better else ''

        rows.append(
            f'<tr><td>{html.escape(task.title)}</td><td>{html.escape(task.metric_title)}</td>'
            f'<td{best("mim")}>{row["mim"]:.3g}</td><td{best("scratch")}>{row["scratch"]:.3g}</td>'
            f'<td>{row["seconds"]:.0f}</td>'
            f'<td>{row["peak_gib"]:.1f}</td></tr>'
        )
    titles = ('Task', 'Metric', 'From MIM', 'From scratch', 'Seconds, both', 'GiB')
    return f'<table><tr>{"".join(f"<th>{title}</th>" for title in titles)}</tr>{"".join(rows)}</table>'


def _study(task: Task, study: Path) -> list[str]:
    """Mean and spread over the seeds of ``make study``, where it has run."""
    file = study / task.name / 'study.json'
    if not file.is_file():
        return [f'<p class="note">Three seeds, a longer schedule: <code>make study TASK={task.name}</code></p>']
    seeds = json.loads(file.read_text())['seeds']
    if len(seeds['mim']) < 2:  # no spread to show
        return [_picture(file.with_suffix('.png'), f'{task.title}: one seed, the longer schedule.')]
    mim, scratch = (f'{statistics.mean(values):.3g} ± {statistics.stdev(values):.2g}' for values in seeds.values())
    text = (
        f'make study TASK={task.name}: {task.metric_title} {mim} from MIM, {scratch} from scratch, '
        f'mean and standard deviation of {len(seeds["mim"])} seeds.'
    )
    return [_picture(file.with_suffix('.png'), text)]


def _full_size(tasks: list[Task]) -> str:
    rows = ''.join(
        f'<tr><td>{html.escape(task.title)}</td><td><code>configs/{task.full_size}</code></td></tr>' for task in tasks
    )
    return (
        '<h2>To full size</h2><p>The nano configs above inherit these recipes of EVA and only shrink them. The '
        'docstring of each has the hardware, the published result and the source of its numbers. <code>python '
        'tools/train.py CONFIG</code> runs one, <code>python tools/misc/new_config.py</code> writes one for your own '
        f'data and memory, and <code>docs/weights.md</code> lists the released weights.</p><table>{rows}</table>'
    )


def write_report(
    root: Path, tasks: list[Task], summary: dict, *, data: Path, teacher: Path, student: Path, study: Path
) -> Path:
    """Draw the pictures and write ``report.html``.

    Args:
        root: Folder of the quickstart; ``<task>/mim`` and ``<task>/scratch`` are the runs.
        tasks: Tasks that ran.
        summary: What ``report.json`` holds.
        data: The nano world.
        teacher: Folder of the nano CLIP.
        student: Work dir of the MIM pre-training.
        study: Where ``make study`` writes; its results are shown if there are any.

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
        '<p class="note">One seed, a schedule of about a minute. GiB: resident memory of one training, without its '
        'data workers.</p>',
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
            *_study(task, study),
        ]
    parts.append(_full_size(tasks))
    parts.append(
        f'<p class="note">torch {torch.__version__}, {torch.get_num_threads()} threads, {platform.machine()}, '
        f'Python {platform.python_version()}.</p>'
    )
    page = root / 'report.html'
    page.write_text(
        f'<!doctype html><meta charset="utf-8"><title>EVA quickstart</title><style>{_STYLE}</style>{"".join(parts)}'
    )
    return page
