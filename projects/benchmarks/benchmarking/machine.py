"""On what and with what a figure was measured."""

import datetime
import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

PACKAGES = ('torch', 'torchvision', 'timm', 'open_clip_torch', 'mmpretrain', 'numpy', 'pillow')


def _processor() -> str:
    info = Path('/proc/cpuinfo')
    if info.is_file():
        for line in info.read_text().splitlines():
            if line.startswith('model name'):
                return line.split(':', 1)[1].strip()
    return platform.processor() or platform.machine()


def _versions() -> dict[str, str]:
    found = {'python': platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def describe(device: str) -> dict:
    """Machine, versions, date, load and the command line, for a report."""
    gpu = torch.cuda.get_device_name() if torch.device(device).type == 'cuda' else None
    return {
        'date': datetime.date.today().isoformat(),
        # folders of this machine say nothing elsewhere
        'command': ' '.join(Path(part).name if part.startswith('/') else part for part in sys.argv),
        'processor': _processor(),
        'cores': os.cpu_count(),
        'threads': torch.get_num_threads(),
        'cpu_capability': torch.backends.cpu.get_cpu_capability(),
        'gpu': gpu,
        'load_average': round(os.getloadavg()[0], 1),
        'versions': _versions(),
    }
