import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
SCRIPT = 'tools/analysis_tools/kill_and_resume.py'


def test_two_kills_change_nothing(tmp_path):
    done = subprocess.run(
        [sys.executable, SCRIPT, '--kills', '2', '--epochs', '1', '--save-every', '3', '--work-dir', str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    line = done.stdout.splitlines()[-1]
    nothing = r'0 checkpoints lost, 0 of [1-9]\d* losses differ, 0 of [1-9]\d* tensors'
    assert re.search(f'^pretrain: 2 kills .*: {nothing}', line)
