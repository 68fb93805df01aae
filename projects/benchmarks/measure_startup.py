"""How long it takes until something happens: import, --help, building, loading.

    python projects/benchmarks/measure_startup.py --out startup.json

Seconds are processor time, which other programs on the machine do not lengthen, and the best of several runs. The file
for loading is written first, so that it lies in the page cache for both reading and loading where it fits.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ('tools', 'projects/benchmarks')

IMPORT = """
import time, torch
start = time.process_time()
import eva_mm
print(time.process_time() - start)
"""
META = """
import time, torch
from eva_mm.models.backbones import EVAViT
start = time.process_time()
with torch.device('meta'):
    EVAViT({arch!r})
print(time.process_time() - start)
"""
READ = """
import time
start = time.process_time()
with open({file!r}, 'rb') as file:
    file.read()
print(time.process_time() - start)
"""
LOAD = """
import time, torch
from eva_mm.checkpoint import load_pretrained
from eva_mm.checkpoint.uninitialised import uninitialised
from eva_mm.models.backbones import EVAViT
start = time.process_time()
with uninitialised():
    backbone = EVAViT({arch!r})
load_pretrained(backbone, {file!r}, mapped={mapped})
# a number of every page, so that all of them are there
for weight in backbone.parameters():
    weight.detach().view(-1)[::1024].sum()
print(time.process_time() - start)
"""
WRITE = """
import torch
from eva_mm.models.backbones import EVAViT
from eva_mm.checkpoint.uninitialised import uninitialised
with uninitialised():
    backbone = EVAViT({arch!r})
torch.save(backbone.state_dict(), {file!r})
"""


def run(code: str, repeats: int = 1) -> float:
    """The least number that a program prints last, each time in a process of its own."""
    printed = (
        subprocess.run([sys.executable, '-c', code], check=True, capture_output=True, text=True).stdout
        for _ in range(repeats)
    )
    return min(float(text.split()[-1]) for text in printed)


def seconds_of_help(script: Path, repeats: int) -> float:
    """Seconds until ``--help`` of a script has ended."""
    best = float('inf')
    for _ in range(repeats):
        start = _seconds_of_children()
        subprocess.run([sys.executable, script, '--help'], check=True, capture_output=True)
        best = min(best, _seconds_of_children() - start)
    return best


def _seconds_of_children() -> float:
    times = os.times()
    return times.children_user + times.children_system


def scripts_with_arguments() -> list[Path]:
    """Every script of ``tools/`` and of the benchmarks that has a command line; modules of packages are not called."""
    files = [file for folder in SCRIPTS for file in (ROOT / folder).rglob('*.py')]
    files = [file for file in files if not (file.parent / '__init__.py').exists()]
    return sorted(file for file in files if "__name__ == '__main__'" in file.read_text())


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--arch', default='giant', help='size to build and load (default: giant)')
    parser.add_argument('--repeats', type=int, default=3)
    parser.add_argument('--no-load', action='store_true', help='write no checkpoint, 4 GB for giant')
    parser.add_argument('--out', type=Path, help='json file')
    args = parser.parse_args(argv)
    report = {'import eva_mm after torch': run(IMPORT, args.repeats)}
    for script in scripts_with_arguments():
        report[f'{script.relative_to(ROOT)} --help'] = seconds_of_help(script, args.repeats)
    report[f'build {args.arch} on meta'] = run(META.format(arch=args.arch), args.repeats)
    if not args.no_load:
        with tempfile.TemporaryDirectory() as folder:
            names = dict(arch=args.arch, file=str(Path(folder) / 'weights.pth'))
            subprocess.run([sys.executable, '-c', WRITE.format(**names)], check=True, capture_output=True)
            report[f'read the file of {args.arch}'] = run(READ.format(**names), args.repeats)
            for mapped in (False, True):
                key = f'build {args.arch} and load it, {"mapped" if mapped else "copied"}'
                report[key] = run(LOAD.format(**names, mapped=mapped), args.repeats)
    for name, seconds in report.items():
        print(f'{seconds:8.3f} s  {name}')
    if args.out:
        args.out.write_text(json.dumps(report, indent=1) + '\n')


if __name__ == '__main__':
    main()
