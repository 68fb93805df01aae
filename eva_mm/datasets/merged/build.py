"""From sources to an index with a report, in several processes, in steps that survive a stop."""

import csv
import hashlib
import io
import json
import signal
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from eva_mm.datasets.merged.containers import Container, find_containers
from eva_mm.datasets.merged.examine import Examiner, Finding, group
from eva_mm.datasets.merged.index_writer import IndexWriter
from eva_mm.datasets.merged.scan import Scan
from eva_mm.safe_io.printed import printable

COLUMNS = ('source', 'kind', 'name', 'detail')

# called after each container: containers done before, done now, of how many, and images so far
Progress = Callable[[int, int, int, int], None]


_examiner: Examiner | None = None


def _start(examiner: Examiner) -> None:
    global _examiner
    # Ctrl-C is for the process that writes
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _examiner = examiner


def _examine(container: Container) -> tuple[Scan, list[Finding]]:
    return _examiner(container)


@contextmanager
def _mapping(examiner: Examiner, workers: int) -> Iterator[Callable]:
    """A function that maps containers to what is found, in their order."""
    if workers < 2:
        yield partial(map, examiner)
        return
    # every process gets the hashes once and not with each container
    with get_context('spawn').Pool(workers, _start, (examiner,)) as pool:
        yield partial(pool.imap, _examine)


def _report(writer: IndexWriter) -> dict:
    """Counts by source and in total."""
    sources = []
    for number, (name, path) in enumerate(writer.sources.items()):
        own = [record for record in writer.records if record['source'] == number]
        kinds = Counter(kind for record in own for _, kind, _, _ in record['findings'])
        grouped = Counter()
        for kind, count in kinds.items():
            grouped[group(kind)] += count
        sources.append(
            dict(
                name=name,
                path=path,
                containers=len(own),
                images=sum(record['images'] for record in own),
                unreadable=grouped['unreadable'],
                duplicates=grouped['duplicate'],
                kinds=dict(kinds),
                skipped=dict(sum((Counter(record['skipped']) for record in own), Counter())),
                examples=_examples(own),
                problems={record['path']: record['problem'] for record in own if record['problem']},
            )
        )
    return dict(images=sum(each['images'] for each in sources), sources=sources)


def _examples(records: list[dict]) -> dict[str, str]:
    """The first member that was left out for each reason."""
    found: dict[str, str] = {}
    for record in records:
        for reason, name in record['examples'].items():
            found.setdefault(reason, f'{printable(record["path"])}/{name}')
    return found


def _list(writer: IndexWriter) -> str:
    """The csv file of all findings."""
    names, text = list(writer.sources), io.StringIO()
    rows = csv.writer(text)
    rows.writerow(COLUMNS)
    for record in writer.records:
        rows.writerows((names[record['source']], kind, name, detail) for _, kind, name, detail in record['findings'])
    return text.getvalue()


def build_index(
    folder: Path,
    sources: Mapping[str, str],
    examiner: Examiner,
    workers: int = 1,
    restart: bool = False,
    progress: Progress | None = None,
) -> dict:
    """Write an index; called again after a stop, it goes on behind the last complete container.

    Args:
        folder: The index; also gets ``report.json`` and ``findings.csv``.
        sources: As for :func:`find_containers`.
        examiner: What is looked at.
        workers: Processes.
        restart: Do not go on with an unfinished one.
        progress: Is told how far it is.

    Returns:
        The report: counts by source and kind.

    Raises:
        FileNotFoundError: A source does not exist.
        ValueError: Something has changed since an unfinished run, or there is no image.
    """
    containers = list(find_containers(examiner.root, sources))
    settings = dict(
        decodes=examiner.decodes,
        limits=examiner.limits,
        exclude=sorted(examiner.exclude),
        evaluation=hashlib.sha256(b''.join(sorted(examiner.evaluation.names))).hexdigest(),
    )
    writer = IndexWriter(folder, sources, settings, restart)
    left = writer.skip(examiner.root, containers)
    before = len(containers) - len(left)
    with _mapping(examiner, workers) as examine:
        for done, (container, (found, findings)) in enumerate(zip(left, examine(left)), start=1):
            remarks = dict(skipped=found.skipped, examples=found.examples, problem=found.problem, findings=findings)
            writer.add(examiner.root, container, found, remarks)
            if progress:
                progress(before, done, len(containers), writer.records[-1]['images_end'])
    report = _report(writer)
    writer.finish({'report.json': json.dumps(report, indent=1), 'findings.csv': _list(writer)})
    return report


def table(report: Mapping) -> str:
    """A report for people."""
    head = ('source', 'containers', 'images', 'unreadable', 'duplicates', 'not taken', 'damaged archives')
    rows = [
        (each['name'], each['containers'], each['images'], each['unreadable'], each['duplicates'],
         sum(each['skipped'].values()), len(each['problems']))
        for each in report['sources']
    ]  # fmt: skip
    rows.append(('all', *(sum(row[column] for row in rows) for column in range(1, len(head)))))
    lines = [head, *(tuple(f'{cell:,}' if isinstance(cell, int) else cell for cell in row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    text = ['  '.join(cell.rjust(width) if place else cell.ljust(width)
                      for place, (cell, width) in enumerate(zip(line, widths))) for line in lines]  # fmt: skip
    for each in report['sources']:
        remarks = Counter(each['kinds']) + Counter(each['skipped'])
        if remarks:
            first = {kind: f' ({name})' for kind, name in each['examples'].items()}
            kinds = (f'{count:,} {kind}{first.get(kind, "")}' for kind, count in remarks.most_common())
            text.append(f'{each["name"]}: {", ".join(kinds)}')
        problems = list(each['problems'].items())
        text += [f'{printable(path)}: {printable(problem)}' for path, problem in problems[:10]]
        text += [f'{len(problems) - 10:,} more in report.json'] if len(problems) > 10 else []
    return '\n'.join(text)
