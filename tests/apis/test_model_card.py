import json

import pytest
import torch
import yaml
from hub_stub import stub_hub

from eva_mm.checkpoint import read_checkpoint
from eva_mm.cli import main

CONFIG = """
default_scope = 'mmpretrain'
model = dict(
    type='ImageClassifier',
    backbone=dict(type='eva_mm.EVAViT', arch={arch!r}, init_cfg={init_cfg}),
    head=dict(type='LinearClsHead', num_classes=2))
val_dataloader = dict(dataset=dict(type='eva_mm.ClassFolders', data_root='/home/me/secret'))
"""


@pytest.fixture
def run(tmp_path):
    """Make a run of three epochs, each validated; what it logged of training has the same steps."""

    def make(arch='large', started="dict(type='Pretrained', checkpoint='/home/me/secret/eva_l_psz14.pt')"):
        folder = tmp_path / 'run'
        (folder / '2026/vis_data').mkdir(parents=True)
        records = [{'loss': 0.5, 'lr': 0.1, 'step': 3}]
        records += [{'accuracy/top1': 20.0 + epoch, 'time': 1.0, 'step': epoch} for epoch in (1, 2, 3)]
        (folder / '2026/vis_data/scalars.json').write_text('\n'.join(map(json.dumps, records)))
        text = CONFIG.format(arch=arch, init_cfg=started)
        meta = {'cfg': text, 'dataset_meta': {'classes': ('cat', 'dog')}, 'epoch': 2, 'iter': 40}
        torch.save({'state_dict': {'backbone.w': torch.ones(3)}, 'meta': meta}, folder / 'epoch_2.pth')
        (folder / 'last_checkpoint').write_text('epoch_2.pth')
        return folder

    return make


def _card(path):
    _, front, text = path.read_text().split('---\n', 2)
    return yaml.safe_load(front), text


def test_a_card_tells_task_classes_results_origin_and_licence(run, tmp_path, capsys):
    main(['publish', str(run()), str(tmp_path / 'cats.pth'), '--card'])
    front, text = _card(tmp_path / 'README.md')
    assert front['license'] == 'mit' and front['base_model'] == ['BAAI/EVA']
    assert front['pipeline_tag'] == 'image-classification' and front['library_name'] == 'eva_mm'
    (result,) = front['model-index'][0]['results']
    assert result['metrics'] == [{'type': 'accuracy', 'value': 22.0}]
    assert '2: cat, dog' in text and '| accuracy/top1 | 22 |' in text and "build_inferencer('cats.pth')" in text
    assert 'eva_l_psz14.pt was released under MIT (https://huggingface.co/BAAI/EVA)' in text
    assert 'secret' not in (tmp_path / 'README.md').read_text() and '1 results' in capsys.readouterr().out
    assert read_checkpoint(tmp_path / 'cats.pth')['meta']['started_from'] == ['eva_l_psz14.pt']


def test_a_licence_is_not_guessed(run, tmp_path):
    folder = run('dinov3-large', "dict(type='Pretrained', checkpoint='dinov3.safetensors')")
    main(['publish', str(folder), str(tmp_path / 'a.pth'), '--card', str(tmp_path / 'a.md')])
    front, text = _card(tmp_path / 'a.md')
    assert 'license' not in front and 'Not stated. If dinov3.safetensors is, or descends from' in text
    assert 'DINOv3 License (restricts use and redistribution)' in text
    main(['publish', str(folder), str(tmp_path / 'b.pth'), '--card', str(tmp_path / 'b.md'), '--license', 'cc0-1.0'])
    assert _card(tmp_path / 'b.md')[0]['license'] == 'cc0-1.0'


def test_from_scratch(run, tmp_path):
    main(['publish', str(run(started='None')), str(tmp_path / 'a.pth'), '--card'])
    front, text = _card(tmp_path / 'README.md')
    assert 'base_model' not in front and '| Started from | random weights |' in text


def test_a_card_overwrites_nothing_and_is_refused_before_the_weights_are_written(run, tmp_path, capsys):
    (tmp_path / 'README.md').write_text('mine')
    with pytest.raises(SystemExit):
        main(['publish', str(run()), str(tmp_path / 'a.pth'), '--card'])
    assert 'README.md exists and is not overwritten' in capsys.readouterr().err
    assert (tmp_path / 'README.md').read_text() == 'mine' and not (tmp_path / 'a.pth').exists()


def test_what_is_pushed_loads_by_its_address(run, tmp_path, monkeypatch, capsys):
    with stub_hub(monkeypatch, tmp_path / 'cache') as server:
        main(['publish', str(run()), str(tmp_path / 'cats.pth'), '--push', 'me/cats'])
        assert 'uploaded to hf://me/cats/cats.pth' in capsys.readouterr().out
        assert server.files['me/cats'].keys() == {'cats.pth', 'README.md'}
        loaded = read_checkpoint('hf://me/cats/cats.pth')
    assert (
        loaded['meta']['dataset_meta'] == {'classes': ['cat', 'dog']} and loaded['state_dict']['backbone.w'].sum() == 3
    )
