import json
from collections import Counter

import numpy as np
import pytest
import torch

from eva_mm.apis import get_model
from eva_mm.apis.errors import UserError
from eva_mm.apis.exporting import write
from eva_mm.apis.exporting.write import MAX_ERROR, export_model
from eva_mm.cli import main

onnx = pytest.importorskip('onnx')
onnxruntime = pytest.importorskip('onnxruntime')
pytest.importorskip('openvino')

# model, part, shapes of the first and last output
CASES = [
    ('nano/classification', 'model', (10,), (10,)),
    ('nano/classification_eva02', 'model', (10,), (10,)),
    ('nano/clip', 'model', (64,), (64,)),
    ('nano/clip', 'backbone', (64,), (64,)),
    ('nano/segmentation', 'model', (10, 96, 96), (10, 96, 96)),
    ('nano/segmentation', 'backbone', (96, 24, 24), (96, 3, 3)),
    ('nano/segmentation_eva02', 'model', (10, 96, 96), (10, 96, 96)),
    ('nano/segmentation_eomt', 'model', (10, 96, 96), (10, 96, 96)),
    ('nano/video', 'model', (4,), (4,)),
    ('nano/detection', 'backbone', (96, 6, 6), (96, 6, 6)),
    ('nano/detection_eomt', 'model', (20, 11), (20, 24, 24)),
]


def _session(path):
    return onnxruntime.InferenceSession(str(path), providers=['CPUExecutionProvider'])


def _operators(path):
    return Counter(node.op_type for node in onnx.load(path, load_external_data=False).graph.node)


@pytest.mark.parametrize(('name', 'part', 'first', 'last'), CASES)
def test_onnx_computes_what_torch_computes_without_branches(name, part, first, last, tmp_path):
    done = export_model(name, tmp_path / 'x.onnx', part=part)
    assert done.outputs[0] == first and done.outputs[-1] == last
    assert done.error < 1e-5
    assert not _operators(done.path).keys() & {'If', 'Loop', 'Scan'}
    # any batch, without torch
    assert _session(done.path).run(None, {'image': np.zeros((1, *done.shape), np.float32)})[0].shape == (1, *first)


@pytest.mark.parametrize('family', ['eva02-tiny', 'dinov3-small', 'dinov2-small-reg', 'siglip2-base'])
def test_positions_of_every_family_at_another_size(family, tmp_path):
    options = {'model.backbone.arch': {'name': family, 'num_layers': 2}, 'model.backbone.patch_size': 14}
    options |= {'model.backbone.img_size': 56, 'model.backbone.init_cfg': None, 'model.backbone.out_type': 'featmap'}
    done = export_model('nano/classification', tmp_path / 'x.onnx', part='backbone', size=(42, 70), cfg_options=options)
    assert done.outputs[0][1:] == (3, 5) and done.error < 1e-4


@pytest.mark.parametrize(('to', 'name'), [('openvino', 'nano/segmentation_eomt'), ('torch-export', 'nano/video')])
def test_other_formats(to, name, tmp_path):
    done = export_model(name, tmp_path / f'x{write.SUFFIXES[to]}', to=to)
    assert done.error < 1e-5 and done.path.is_file()
    assert {path.name for path in tmp_path.iterdir()} <= {'x.xml', 'x.bin', 'x.pt2'}


def test_pixels_go_in_as_they_are_and_the_file_says_what_comes_out(tmp_path):
    """Mean and deviation of the config are part of the graph: uint8 values in, the host's own scores out."""
    torch.manual_seed(0)
    model = get_model('nano/classification')
    classes = tuple('abcdefghij')
    meta = {'cfg': model._config.pretty_text, 'dataset_meta': {'classes': classes}}
    torch.save({'state_dict': model.state_dict(), 'meta': meta}, tmp_path / 'x.pth')
    main(['export', str(tmp_path / 'x.pth'), '--out', str(tmp_path / 'x.onnx')])
    image = torch.randint(0, 256, (1, 3, 84, 84), dtype=torch.uint8)
    data = model.data_preprocessor({'inputs': image.flip(1) if model.data_preprocessor.to_rgb else image})
    with torch.no_grad():
        expected = model(data['inputs'], mode='tensor').numpy()
    (found,) = _session(tmp_path / 'x.onnx').run(None, {'image': image.float().numpy()})
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())
    facts = {each.key: each.value for each in onnx.load(tmp_path / 'x.onnx').metadata_props}
    assert json.loads(facts['eva_mm.classes']) == list(classes)
    assert facts['eva_mm.outputs'] == 'scores of the classes before softmax'


def test_a_graph_that_differs_is_removed(tmp_path, monkeypatch):
    run = write._RUN['onnx']

    def wrong(path):
        compute = run(path)
        return lambda images: [each + 2 * MAX_ERROR * np.abs(each).max() for each in compute(images)]

    monkeypatch.setitem(write._RUN, 'onnx', wrong)
    with pytest.raises(UserError, match=r'differs from torch by 0\.002, more than 0\.001'):
        export_model('nano/classification', tmp_path / 'x.onnx')
    monkeypatch.setitem(write._RUN, 'onnx', lambda path: lambda images: [np.full((3, 10), np.nan, np.float32)])
    with pytest.raises(UserError, match='differs from torch by nan'):
        export_model('nano/classification', tmp_path / 'x.onnx')
    assert not list(tmp_path.iterdir())


def test_refusals_are_one_line_and_leave_nothing(tmp_path, monkeypatch, capsys):
    with pytest.raises(SystemExit):
        main(['export', 'nano/detection', '--random-weights', '--out', str(tmp_path / 'x.onnx')])
    message = capsys.readouterr().err
    assert 'chooses proposals by suppression inside' in message and message.count('\n') == 1
    with pytest.raises(UserError, match=r'must end in \.xml'):
        export_model('nano/classification', tmp_path / 'x.onnx', to='openvino')
    monkeypatch.setattr(write, 'find_spec', lambda name: None)
    with pytest.raises(UserError, match=r'needs onnx, onnxruntime: pip install "eva_mm\[export\]"'):
        export_model('nano/classification', tmp_path / 'x.onnx')
    assert not list(tmp_path.iterdir())
    (tmp_path / 'x.onnx').write_bytes(b'mine')
    with pytest.raises(FileExistsError):
        export_model('nano/classification', tmp_path / 'x.onnx')
    assert (tmp_path / 'x.onnx').read_bytes() == b'mine'
