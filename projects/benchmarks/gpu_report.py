"""A report of everything that only a GPU can tell, in the minutes for which one is at hand.

    python projects/benchmarks/gpu_report.py --minutes 8 --out work_dirs/gpu_report
    python projects/benchmarks/gpu_report.py --device cpu --size nano        # a dry run
    python projects/benchmarks/gpu_report.py --list                          # steps, limits, what they need

Steps run in order of worth, each in a process of its own that is killed at its limit or when the minutes are over; what
it has recorded until then is kept. One line is printed as each ends, then report.json and report.html are written anew.
On a machine without network, projects/benchmarks/collect_wheels.sh brings what is missing. Exits with 0 if at least
one step ran, no step or case failed and no result is beyond its bound, otherwise with 1.
"""

import argparse
import json
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from gpu_steps.page import write_page
from gpu_steps.plan import DEVICES, SIZES, STEPS, Step, select
from gpu_steps.process import run_python
from gpu_steps.recorder import BEYOND, FAILED, OK, read
from gpu_steps.summaries import problems, summarise

# less is not worth a start: torch alone takes seconds to import
SHORTEST = 5
# lines of its output that are kept of a step which does not end well
LOG_LINES = 30


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--minutes', type=float, default=8, help='for all steps together (default: 8)')
    parser.add_argument('--device', choices=DEVICES, default='cuda')
    parser.add_argument('--size', choices=SIZES, default='full', help='nano: seconds on a CPU')
    parser.add_argument('--out', type=Path, default=Path('work_dirs/gpu_report'), help='directory of the report')
    parser.add_argument(
        '--steps', nargs='+', choices=[step.name for step in STEPS], metavar='STEP', help='some steps only'
    )
    parser.add_argument('--list', action='store_true', help='print steps, limits and needs, and exit')
    args = parser.parse_args(argv)
    if args.minutes <= 0:
        parser.error('--minutes must be positive.')
    return args


def list_steps(steps: list[Step]) -> None:
    """Print the plan."""
    for number, step in enumerate(steps, start=1):
        print(f'{number}. {step.name:10s} {step.limit:4.0f} s  {step.title}\n{"":21s}needs {step.needs}')
    print(f'{sum(step.limit for step in steps):.0f} s in all; --minutes cuts what comes last')


def probe(device: str, folder: Path) -> tuple[str | None, dict[str, Any]]:
    """Why the device cannot be used, ``None`` if it can; and the machine."""
    log = folder / 'device.log'
    ended = run_python(['-m', 'gpu_steps.device', device], log, 120)
    lines = log.read_text(errors='replace').splitlines() or ['']
    if ended.code != 0:
        return f'torch cannot be used: {lines[-1]}', {}
    found = json.loads(lines[-1])
    return found['problem'], found['machine']


def run_step(step: Step, args: argparse.Namespace, limit: float, problem: str | None, folder: Path) -> dict[str, Any]:
    """Run one step; returns its part of the report."""
    part: dict[str, Any] = {'name': step.name, 'title': step.title, 'limit': round(limit, 1), 'seconds': 0.0}
    part['rows'] = []
    missing = [name for name in step.packages if find_spec(name) is None]
    if problem or missing or limit < SHORTEST:
        reason = problem or (f'missing: {", ".join(missing)}' if missing else 'no time is left')
        return part | {'status': 'skipped', 'line': f'skipped: {reason}'}
    rows, scratch = folder / f'{step.name}.jsonl', folder / step.name
    scratch.mkdir()
    log = args.out / 'logs' / f'{step.name}.log'
    options = ['--device', args.device, '--size', args.size, '--rows', str(rows), '--scratch', str(scratch)]
    # threads that wait for each other cost nano models more than they bring
    threads = 1 if args.size == 'nano' else None
    ended = run_python(['-m', 'gpu_steps.run', step.name, *options], log, limit, threads)
    part |= {'seconds': round(ended.seconds, 1), 'rows': read(rows)}
    status = {0: 'done', None: 'cut off'}.get(ended.code, 'failed')
    if status != 'done':
        part['log'] = '\n'.join(log.read_text(errors='replace').splitlines()[-LOG_LINES:])
    how = {'cut off': 'cut off at its limit', 'failed': f'failed with exit code {ended.code}'}.get(status, 'done')
    line = f'{how} after {ended.seconds:.0f} s: {summarise(step.name, part["rows"])}'
    return part | {'status': status, 'line': line}


def picture(part: dict[str, Any]) -> bytes | None:
    """The picture of a step, or ``None``, with a line that says why."""
    rows = [row for row in part['rows'] if row['status'] in (OK, BEYOND)]
    if not rows:
        return None
    try:
        from gpu_steps.pictures import draw

        return draw(part['name'], rows)
    except ImportError as error:
        part['line'] += f'; no picture: the package {error.name} is missing'
    return None


def write(report: dict[str, Any], pictures: dict[str, bytes], out: Path) -> None:
    """Write both files anew."""
    (out / 'report.json').write_text(json.dumps(report, indent=1) + '\n')
    write_page(report, pictures, out / 'report.html')


def verdict(parts: list[dict[str, Any]]) -> tuple[int, str]:
    """Exit code, and one line on the whole."""
    ran = [part for part in parts if part['status'] != 'skipped']
    bad = [row for part in parts for row in part['rows'] if row['status'] in (FAILED, BEYOND)]
    broken = [part['name'] for part in parts if part['status'] == 'failed']
    line = f'{len(ran)} of {len(parts)} steps ran, {len(bad)} results failed or are beyond their bound'
    if broken:
        line += f', failed as a whole: {", ".join(broken)}'
    return int(not ran or bool(bad) or bool(broken)), line


def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)
    steps = select(args.steps)
    if args.list:
        list_steps(steps)
        return 0
    end = time.monotonic() + 60 * args.minutes
    args.out = args.out.absolute()
    (args.out / 'logs').mkdir(parents=True, exist_ok=True)
    pictures: dict[str, bytes] = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        problem, machine = probe(args.device, folder)
        command = f'gpu_report.py --minutes {args.minutes:g} --device {args.device} --size {args.size}'
        report: dict[str, Any] = {'command': command, 'line': '', 'machine': machine, 'steps': []}
        for number, step in enumerate(steps, start=1):
            limit = min(step.limit, end - time.monotonic())
            part = run_step(step, args, limit, problem, folder)
            drawn = picture(part)
            pictures |= {step.name: drawn} if drawn else {}
            report['steps'].append(part)
            code, report['line'] = verdict(report['steps'])
            write(report, pictures, args.out)
            print(f'{number}/{len(steps)} {step.name}: {part["line"]}', flush=True)
            for line in problems(part['rows']):
                print(f'    {line}', flush=True)
    print(f'{report["line"]}: {args.out / "report.html"}')
    return code


if __name__ == '__main__':
    sys.exit(main())
