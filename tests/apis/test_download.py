import hashlib
from dataclasses import replace

import pytest
import torch
from hub_stub import stub_hub

from eva_mm.apis import download as module
from eva_mm.apis.download import download
from eva_mm.apis.errors import UserError
from eva_mm.apis.model_index import find_weights, model_index
from eva_mm.cli import main

NAME = 'eva02-ti-p14_mim-in21k_in1k-336px'
FILE = 'eva02_Ti_pt_in21k_ft_in1k_p14.pt'


@pytest.fixture
def hub(monkeypatch, tmp_path):
    with stub_hub(monkeypatch, tmp_path / 'cache') as server:
        torch.save({'w': torch.ones(3)}, tmp_path / FILE)
        server.files['Yuxin-CV/EVA-02'] = {f'some/folder/{FILE}': (tmp_path / FILE).read_bytes()}
        yield server


@pytest.mark.parametrize('name', [NAME, FILE, f'hf://Yuxin-CV/EVA-02/some/folder/{FILE}'])
def test_it_lies_where_models_are_looked_for(hub, tmp_path, name, capsys):
    main(['download', name, '--out-dir', str(tmp_path / 'weights')])
    path = find_weights(model_index()[NAME], tmp_path / 'weights')
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    out = capsys.readouterr().out
    assert f'SHA-256 {sha256} (its metafile has none to compare with); licence: MIT' in out and NAME in out
    assert path.stat().st_nlink > 1, 'the cache and the folder take the room twice'
    main(['download', name, '--out-dir', str(tmp_path / 'weights')])


def test_another_file_is_not_overwritten(hub, tmp_path):
    (tmp_path / 'weights').mkdir()
    (tmp_path / 'weights' / FILE).write_bytes(b'mine')
    with pytest.raises(FileExistsError, match='is another file: remove it'):
        download(NAME, tmp_path / 'weights')


def test_the_checksum_of_the_metafile_decides(hub, tmp_path, monkeypatch):
    wrong = {NAME: replace(model_index()[NAME], sha256='0' * 64)}
    monkeypatch.setattr(module, 'model_index', lambda: wrong)
    with pytest.raises(ValueError, match='another file than expected: SHA-256 .*, its metafile says 000'):
        download(NAME, tmp_path / 'weights')
    assert not (tmp_path / 'weights').exists()


def test_unknown_names(hub, tmp_path, capsys):
    with pytest.raises(UserError, match=f'did you mean .*{FILE}'):
        download(FILE.replace('Ti', 'Tii'), tmp_path)
    with pytest.raises(UserError, match='No weights were released for nano/detection'):
        download('nano/detection', tmp_path)
    hub.files.clear()
    with pytest.raises(SystemExit):
        main(['download', NAME])
    message = capsys.readouterr().err
    assert message.startswith('error: hf://Yuxin-CV/EVA-02 cannot be had: ') and message.count('\n') == 1
