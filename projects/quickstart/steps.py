"""Steps of the quickstart: each runs a command once and leaves a mark when it is done."""

import json
import os
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

_PROGRESS = re.compile(r'(?:Epoch|Iter)\(train\)\s*(\[.*?\d+/\d+\]).*?eta:\s*([\d:]+).*?loss:\s*(-?[\d.]+)')

# threads that spin while they wait starve each other, and the data loader, on a machine with few cores
_ENVIRONMENT = {'OMP_WAIT_POLICY': 'PASSIVE', **os.environ}


@dataclass
class Step:
    """A command of the quickstart.

    Attributes:
        title: For people.
        command: Arguments after the Python interpreter.
        folder: Where the step writes; its log is ``log.txt`` there.
        seconds: About how long it takes on two cores, for the time left.
    """

    title: str
    command: list[str]
    folder: Path
    seconds: float = field(default=60)

    @property
    def mark(self) -> Path:
        """File that says that the step is done, and how long it took."""
        return self.folder / 'done.json'

    @property
    def done(self) -> bool:
        return self.mark.is_file()

    def took(self) -> float:
        """Seconds that the step took when it ran."""
        return json.loads(self.mark.read_text())['seconds']

    def peak_gib(self) -> float:
        """Largest resident memory of the step's process, without its data workers, in GiB."""
        return json.loads(self.mark.read_text()).get('peak_bytes', float('nan')) / 2**30


def _brief(line: str) -> str | None:
    """What is worth showing of a line of a training log."""
    match = _PROGRESS.search(line)
    if match:
        return f'{match[1]}  loss {match[3]}  {match[2]} left'
    return line.strip() if 'left' in line else None


def run(step: Step, header: str, live: bool = True, threads: int | None = None) -> None:
    """Run a step unless it is done; the whole output goes to ``log.txt``.

    Args:
        step: What to run.
        header: Printed before the title.
        live: Show one line of progress on a terminal.
        threads: OpenMP threads of the command; ``None`` leaves the number to torch.

    Raises:
        SystemExit: The command failed; the message ends with the last lines of its output.
    """
    if step.done:
        print(f'{header} {step.title}: done before ({step.took():.0f} s)')
        return
    step.folder.mkdir(parents=True, exist_ok=True)
    log, start, width = step.folder / 'log.txt', time.monotonic(), 0
    live = live and sys.stdout.isatty()
    limit = {} if threads is None else {'OMP_NUM_THREADS': str(threads)}
    print(f'{header} {step.title}, log in {log}', flush=True)
    with log.open('a', buffering=1) as file:
        process = subprocess.Popen(
            [sys.executable, *step.command],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**limit, **_ENVIRONMENT},
        )
        for line in process.stdout:
            file.write(line)
            brief = _brief(line)
            if brief and live:
                print(f'\r    {brief[:110]:<{width}}', end='', flush=True)
                width = max(width, len(brief[:110]))
        # like wait(), and says how much memory the process took
        _, status, usage = os.wait4(process.pid, 0)
        code = process.returncode = os.waitstatus_to_exitcode(status)
    if live and width:
        print('\r' + ' ' * (width + 4) + '\r', end='')
    if code:
        tail = '\n'.join(log.read_text().splitlines()[-15:])
        sys.exit(f'{tail}\nerror: {step.title} failed with exit code {code}; its whole log is {log}.')
    seconds = time.monotonic() - start
    peak = usage.ru_maxrss * (1 if sys.platform == 'darwin' else 1024)
    step.mark.write_text(json.dumps({'seconds': seconds, 'peak_bytes': peak, 'command': step.command}))
    name = '' if live else f' for {step.title}'
    print(f'    {seconds:.0f} s{name}', flush=True)


def run_all(steps: list[Step], total: int | None = None, done_before: int = 0, seconds_after: float = 0) -> None:
    """Run steps, of which each may need those before it, saying how much time is left.

    Args:
        steps: What to run now.
        total: Steps of the whole job; ``None`` means that these are its last.
        done_before: Steps of the job that ran before these.
        seconds_after: About how long the steps after these take.
    """
    total = total or done_before + len(steps)
    for index, step in enumerate(steps):
        left = seconds_after + sum(other.seconds for other in steps[index:] if not other.done)
        run(step, f'[{done_before + index + 1}/{total}, about {left / 60:.0f} min left]')


def run_side_by_side(steps: list[Step], done_before: int) -> None:
    """Run steps that do not need each other, as many at a time as there are cores, each on its share of them.

    A nano model is too small for several threads: two trainings on a core each end sooner than one after another.

    Args:
        steps: What to run.
        done_before: Steps of the job that ran before these.

    Raises:
        SystemExit: A command failed; those that run then are waited for, no other is started.
    """
    cores = os.cpu_count() or 1
    jobs = max(1, min(cores, len(steps)))
    total, seconds = done_before + len(steps), sum(step.seconds for step in steps if not step.done)
    if seconds:
        print(f'{jobs} at a time, about {seconds / jobs / 60:.0f} min in all', flush=True)

    with ThreadPoolExecutor(jobs) as pool:
        futures = [
            pool.submit(run, step, f'[{done_before + index + 1}/{total}]', jobs == 1, max(1, cores // jobs))
            for index, step in enumerate(steps)
        ]
        try:
            for future in futures:
                future.result()
        except SystemExit:
            pool.shutdown(cancel_futures=True)
            raise
