import pytest
import torch
from mmengine.config import Config

from eva_mm.apis.errors import UserError
from eva_mm.apis.publish import publish
from eva_mm.checkpoint import Checkpoint, read_checkpoint

CONFIG = """
model = dict(
    type='mmpretrain.ImageClassifier',
    backbone=dict(type='eva_mm.EVAViT', init_cfg=dict(type='Pretrained', checkpoint='eva.pt')),
    head=dict(type='mmpretrain.LinearClsHead'))
work_dir = 'work_dirs/x'
load_from = 'a.pth'
launcher = 'none'
"""
META = {'cfg': CONFIG, 'dataset_meta': {'classes': ('zero', 'one')}, 'epoch': 3, 'iter': 12, 'seed': 0}


@pytest.fixture
def weights():
    return {'backbone.w': torch.randn(3, 3), 'neck.bn.num_batches_tracked': torch.tensor(7)}


@pytest.fixture
def run(tmp_path, weights):
    """A run that kept an average of the weights, as mmengine's hooks write it."""
    folder = tmp_path / 'run'
    folder.mkdir()
    training = {'module.backbone.w': torch.full((3, 3), 5.0), 'steps': torch.tensor(12)}
    left_behind = {'optimizer': {'x': torch.randn(1000)}}
    checkpoint = {'state_dict': weights, 'ema_state_dict': training, 'meta': META, **left_behind}
    torch.save(checkpoint, folder / 'epoch_3.pth')
    # where the run was made, which is not where it lies now
    (folder / 'last_checkpoint').write_text('work_dirs/elsewhere/epoch_3.pth')
    return folder


def test_only_what_inference_needs_is_kept(run, weights, tmp_path):
    meta = publish(run, tmp_path / 'out.pth')
    published = read_checkpoint(tmp_path / 'out.pth')
    assert published.keys() == {'state_dict', 'meta'} and published['meta'] == meta
    assert torch.equal(published['state_dict']['backbone.w'], weights['backbone.w'].half())
    assert published['state_dict']['neck.bn.num_batches_tracked'] == 7
    assert meta['dataset_meta'] == {'classes': ['zero', 'one']} and meta['iter'] == 12
    config = Config.fromstring(meta['cfg'], '.py')
    assert config.model.backbone.init_cfg is None
    assert not {'work_dir', 'load_from', 'launcher'} & config.keys()


def test_weights_in_training_instead_of_their_average(run, tmp_path):
    publish(run / 'epoch_3.pth', tmp_path / 'out.pth', dtype='float32', average=False)
    assert (read_checkpoint(tmp_path / 'out.pth')['state_dict']['backbone.w'] == 5).all()


def test_deepspeed_folder_without_zero(tmp_path, weights):
    pytest.importorskip('deepspeed')
    folder = tmp_path / 'run/iter_12.pth'
    folder.mkdir(parents=True)
    torch.save({'module': weights, 'meta': META}, folder / 'mp_rank_00_model_states.pt')
    (tmp_path / 'run/last_checkpoint').write_text(str(folder))
    assert publish(tmp_path / 'run', tmp_path / 'out.pth', dtype='float32')['iter'] == 12
    assert torch.equal(read_checkpoint(tmp_path / 'out.pth')['state_dict']['backbone.w'], weights['backbone.w'])


def test_config_file_of_the_run(run, tmp_path):
    checkpoint = read_checkpoint(run / 'epoch_3.pth')
    checkpoint['meta'] = {}
    # its tensors are mapped from the file, which must not be overwritten
    (run / 'epoch_3.pth').unlink()
    torch.save(checkpoint, run / 'epoch_3.pth')
    with pytest.raises(UserError, match='neither in the checkpoint nor the one .py file'):
        publish(run, tmp_path / 'out.pth')
    (run / 'x.py').write_text(CONFIG)
    assert 'init_cfg=None' in publish(run, tmp_path / 'out.pth')['cfg']


def test_refusals(run, weights, tmp_path):
    (tmp_path / 'out.pth').write_bytes(b'precious')
    with pytest.raises(FileExistsError, match='not overwritten'):
        publish(run, tmp_path / 'out.pth')
    assert (tmp_path / 'out.pth').read_bytes() == b'precious'
    with pytest.raises(UserError, match='is no run with a checkpoint'):
        publish(tmp_path, tmp_path / 'other.pth')
    torch.save({'state_dict': {'w': torch.tensor([1e6])}, 'meta': META}, tmp_path / 'big.pth')
    with pytest.raises(UserError, match='w overflow in torch.float16: give --dtype float32'):
        publish(tmp_path / 'big.pth', tmp_path / 'other.pth')
    with pytest.raises(UserError, match='keeps no averaged weights'):
        publish(tmp_path / 'big.pth', tmp_path / 'other.pth', average=False)
    assert not (tmp_path / 'other.pth').exists()


def test_safetensors_carry_config_and_classes(run, tmp_path):
    meta = publish(run, tmp_path / 'out.safetensors')
    opened = Checkpoint.open(tmp_path / 'out.safetensors')
    assert opened.meta == meta and opened.dataset_meta == {'classes': ['zero', 'one']}
    assert 'model' in opened.config and 'backbone.w' in opened.weights
