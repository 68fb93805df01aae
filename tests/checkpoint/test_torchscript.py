"""Weights of TorchScript archives equal those that torch reads, and code in them does not run."""

import io
import os
import pickle
import zipfile

import pytest
import torch
from hypothesis import given
from torch import nn

from eva_mm.checkpoint.torchscript import is_torchscript, read_torchscript
from tests.helpers.fuzzing import damaged, fuzz, is_sentence


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 2)
        self.blocks = nn.Sequential(nn.Linear(4, 4).half(), nn.BatchNorm1d(4))
        self.tied = self.blocks[0].weight
        self.scale = nn.Parameter(torch.tensor(0.5))
        self.register_buffer('slice', torch.arange(12.0).view(3, 4).T[1:3])
        self.size = [1, 2]

    def forward(self, x):
        return self.scale * self.conv(x)


@pytest.fixture(params=[False, True], ids=['scripted', 'traced'])
def file(request, tmp_path):
    net = Net().eval()
    example = torch.zeros(1, 3, 4, 4)
    program = torch.jit.trace(net, example) if request.param else torch.jit.script(net)
    program.save(str(tmp_path / 'net.pt'))
    return tmp_path / 'net.pt'


def test_same_weights_as_torch_reads(file):
    assert is_torchscript(file)
    weights, expected = read_torchscript(file), torch.jit.load(file).state_dict()
    assert expected.keys() <= weights.keys()
    for name, tensor in expected.items():
        assert weights[name].dtype == tensor.dtype
        torch.testing.assert_close(weights[name], tensor, rtol=0, atol=0)


def test_other_files_are_no_archives(tmp_path):
    torch.save({'a': torch.zeros(1)}, tmp_path / 'plain.pt')
    (tmp_path / 'text.pt').write_text('no zip')
    assert not is_torchscript(tmp_path / 'plain.pt') and not is_torchscript(tmp_path / 'text.pt')
    with pytest.raises(ValueError, match='cannot be read as a TorchScript archive'):
        read_torchscript(tmp_path / 'plain.pt')


class Attack:
    def __init__(self, call):
        self.call = call

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize('call', [(os.mkdir, ('made',)), (eval, ('open("made", "w")',)), (torch.load, ('made',))])
def test_code_does_not_run(call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with zipfile.ZipFile('evil.pt', 'w') as archive:
        archive.writestr('net/data.pkl', pickle.dumps(Attack(call)))
        archive.writestr('net/constants.pkl', b'')
    with pytest.raises(ValueError, match='it names'):
        read_torchscript('evil.pt')
    assert not os.path.exists('made')


def test_compressed_archives_are_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / 'bomb.pt', 'w', zipfile.ZIP_DEFLATED) as archive:
        archive.writestr('net/constants.pkl', b'')
        archive.writestr('net/data.pkl', bytes(10**6))
    with pytest.raises(ValueError, match='its data are compressed'):
        read_torchscript(tmp_path / 'bomb.pt')


def test_damaged_archives(tmp_path):
    buffer, path = io.BytesIO(), tmp_path / 'net.pt'
    torch.jit.save(torch.jit.script(nn.Linear(3, 2)), buffer)

    def check(content):
        path.write_bytes(content)
        try:
            read_torchscript(path)
        except ValueError as error:
            assert is_sentence(error)

    fuzz(given(damaged(buffer.getvalue()))(check))()
