import runpy
from pathlib import Path

import pytest
import torch

from eva_mm.checkpoint import read_checkpoint

TOOL = str(Path(__file__).parents[3] / 'tools/misc/average_checkpoints.py')


def _run(monkeypatch, *arguments):
    monkeypatch.setattr('sys.argv', [TOOL, *map(str, arguments)])
    runpy.run_path(TOOL, run_name='__main__')


def test_writes_the_mean(monkeypatch, tmp_path, capsys):
    files = [tmp_path / f'{value}.pth' for value in (1, 3)]
    for file, value in zip(files, (1.0, 3.0)):
        torch.save({'state_dict': {'weight': torch.full((2,), value)}}, file)
    _run(monkeypatch, *files, '--out', tmp_path / 'mean.pth')
    assert 'the mean of 2 checkpoints, 1 tensors' in capsys.readouterr().out
    assert read_checkpoint(tmp_path / 'mean.pth')['state_dict']['weight'].tolist() == [2, 2]


def test_a_missing_file_is_told_in_one_sentence(monkeypatch, tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        _run(monkeypatch, tmp_path / 'a.pth', tmp_path / 'b.pth', '--out', tmp_path / 'mean.pth')
    assert stop.value.code == 2
    assert capsys.readouterr().err.count('\n') == 1
