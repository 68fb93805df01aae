import pickle
import socket

import pytest
import torch
from hub_stub import stub_hub

from eva_mm.checkpoint import Checkpoint, read_checkpoint
from eva_mm.safe_io.hub import HubFile, fetch, find_file, repository_of

ADDRESS = 'hf://owner/some-repo/folder/weights.pth'


@pytest.fixture
def hub(monkeypatch, tmp_path):
    with stub_hub(monkeypatch, tmp_path / 'cache') as server:
        torch.save({'w': torch.arange(6.0)}, tmp_path / 'weights.pth')
        content = (tmp_path / 'weights.pth').read_bytes()
        server.files['owner/some-repo'] = {'README.md': b'# x', 'folder/weights.pth': content}
        yield server


@pytest.mark.parametrize(
    ('address', 'parts'),
    [
        ('hf://a/b/c.pth', ('a/b', 'c.pth', None)),
        ('hf://BAAI/EVA-2.1@v1.0/x/y z.safetensors', ('BAAI/EVA-2.1', 'x/y z.safetensors', 'v1.0')),
    ],
)
def test_addresses(address, parts):
    file = HubFile.parse(address)
    assert (file.repository, file.path, file.revision) == parts and str(file) == address


@pytest.mark.parametrize(
    'address', ['hf://a/b', 'hf://a', 'hf://a/b/../c', 'hf://a/b//c', 'hf://../b/c', 'hf://a/b@/c', 'hf://']
)
def test_an_address_of_no_file_is_refused(address):
    with pytest.raises(ValueError, match='not an address of a file on the hub: write hf://OWNER'):
        HubFile.parse(address)


def test_pages():
    assert repository_of('https://huggingface.co/BAAI/EVA') == 'BAAI/EVA'
    assert repository_of('https://example.org/BAAI/EVA') is None


def test_a_checkpoint_is_downloaded_once(hub):
    assert torch.equal(read_checkpoint(ADDRESS)['w'], torch.arange(6.0))
    assert Checkpoint.open(ADDRESS).weights['w'][5] == 5
    assert len([each for each in hub.requests if each.startswith('GET') and '/resolve/' in each]) == 1


def test_mmengine_loads_it_too_and_runs_no_code(hub, tmp_path):
    from mmengine.runner.checkpoint import _load_checkpoint

    assert _load_checkpoint(ADDRESS, map_location='cpu')['w'][1] == 1

    class Hostile:
        def __reduce__(self):
            return exec, (f'open({str(tmp_path / "canary")!r}, "w")',)

    hub.files['owner/some-repo']['bad.pth'] = pickle.dumps(Hostile())
    for load in (read_checkpoint, lambda address: _load_checkpoint(address, map_location='cpu')):
        with pytest.raises(ValueError):
            load('hf://owner/some-repo/bad.pth')
    assert not (tmp_path / 'canary').exists()


def test_a_damaged_copy_is_removed(hub):
    hub.served['folder/weights.pth'] = bytes(len(hub.files['owner/some-repo']['folder/weights.pth']))
    with pytest.raises(ValueError, match='damaged: its SHA-256 is'):
        fetch(HubFile.parse(ADDRESS))
    hub.served.clear()
    assert torch.equal(read_checkpoint(ADDRESS)['w'], torch.arange(6.0))


@pytest.mark.parametrize(
    ('address', 'reason'),
    [
        ('hf://owner/some-repo/other.pth', 'there is no such file in the repository'),
        ('hf://owner/unknown/other.pth', 'there is no such repository, or it is private'),
    ],
)
def test_what_is_not_there_is_said_in_one_line(hub, address, reason):
    with pytest.raises(OSError) as error:
        read_checkpoint(address)
    assert str(error.value).startswith(f'{address} cannot be had: {reason}') and '\n' not in str(error.value)


def test_without_a_connection_the_cache_is_taken_and_else_one_line_says_so(hub, monkeypatch):
    from huggingface_hub import constants

    fetch(HubFile.parse(ADDRESS))
    with socket.socket() as unused:
        unused.bind(('127.0.0.1', 0))
        nowhere = f'http://127.0.0.1:{unused.getsockname()[1]}'
    monkeypatch.setattr(constants, 'ENDPOINT', nowhere)
    monkeypatch.setattr(constants, 'HUGGINGFACE_CO_URL_TEMPLATE', nowhere + '/{repo_id}/resolve/{revision}/{filename}')
    assert fetch(HubFile.parse(ADDRESS)).is_file()
    with pytest.raises(OSError) as error:
        fetch(HubFile.parse('hf://owner/some-repo/folder/else.pth'))
    assert str(error.value).endswith('the hub cannot be reached, and it is not in the cache.')


def test_a_file_by_its_name_alone(hub):
    assert find_file('owner/some-repo', 'weights.pth') == HubFile('owner/some-repo', 'folder/weights.pth')
    with pytest.raises(ValueError, match='has no file other.pth'):
        find_file('owner/some-repo', 'other.pth')
    hub.files['owner/some-repo']['old/weights.pth'] = b''
    with pytest.raises(ValueError, match='2 files named weights.pth: folder/weights.pth, old/weights.pth'):
        find_file('owner/some-repo', 'weights.pth')
    with pytest.raises(OSError, match='hf://owner/unknown cannot be had: there is no such repository'):
        find_file('owner/unknown', 'weights.pth')
