"""Accounts of small trunks against the bytes that autograd really saves."""

from contextlib import nullcontext

import pytest
import torch

from eva_mm.apis.memory_account import (
    Setting,
    account_of_block,
    account_of_trunk,
    block_accounts,
    mim_head_bytes,
    training_grid,
)
from eva_mm.models.backbones import EVAMAEViT, EVAPretrainViT, EVAViT, EVAViTDet
from eva_mm.models.backbones.eva_vit_video import EVAViTVideo
from tests.helpers.kept_storages import KeptStorages

ARCH = dict(embed_dims=48, num_layers=4, num_heads=4, feedforward_channels=160)
DTYPES = {'fp32': torch.float32, 'half': torch.bfloat16, 'amp': torch.float32}
BATCH = 3


def saved_bytes(model, forward):
    """Bytes of the storages that autograd keeps for the backward pass, parameters aside."""
    own = {p.untyped_storage().data_ptr() for p in model.parameters()}
    sizes = {}

    def pack(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            sizes[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        kept = forward()  # noqa: F841  (alive, so that no address is used twice)
    return sum(sizes.values())


def measure(model, precision, images, *args):
    model = model.train().to(DTYPES[precision])
    images = images.to(DTYPES[precision])
    context = torch.autocast('cpu', torch.bfloat16) if precision == 'amp' else nullcontext()
    with context:
        return saved_bytes(model, lambda: model(images, *args))


def plain(**kwargs):
    return EVAViT(arch=ARCH, img_size=112, patch_size=14, out_type='raw', **kwargs)


@pytest.mark.parametrize('precision', DTYPES)
@pytest.mark.parametrize(
    'options',
    [{}, dict(attn_fp32=True), dict(layer_scale_init_value=1.0, drop_path_rate=0.2), dict(with_cp=True)],
    ids=lambda options: '-'.join(options) or 'plain',
)
def test_plain_trunk(options, precision):
    model = plain(**options)
    account = account_of_trunk(model, Setting(BATCH, precision, 'cpu'))
    total = account.total - account.forward.get('recomputed block', 0)
    if options.get('with_cp'):
        # what is cast inside a checkpoint dies with it
        total -= sum(block.casts for block in block_accounts(model, Setting(BATCH, precision, 'cpu')))
    measured = measure(model, precision, torch.randn(BATCH, 3, 112, 112))
    assert total == pytest.approx(measured, rel=0.01)


@pytest.mark.parametrize('precision', DTYPES)
def test_windowed_trunk_with_padding(precision):
    model = EVAViTDet(arch=ARCH, img_size=64, patch_size=16, window_size=4, rel_pos_img_size=128)
    account = account_of_trunk(model, Setting(BATCH, precision, 'cpu'), grid=(10, 6))
    assert account.total == pytest.approx(measure(model, precision, torch.randn(BATCH, 3, 160, 96)), rel=0.02)
    assert training_grid(model) == (8, 8)


@pytest.mark.parametrize('precision', DTYPES)
def test_video_trunk(precision):
    model = EVAViTVideo(arch=ARCH, img_size=56, patch_size=14, num_frames=4, out_type='avg_featmap')
    account = account_of_trunk(model, Setting(BATCH, precision, 'cpu'))
    assert account.total == pytest.approx(measure(model, precision, torch.randn(BATCH, 3, 4, 56, 56)), rel=0.02)


@pytest.mark.parametrize('precision', DTYPES)
def test_mae_trunk_within_a_tenth(precision):
    decoder = dict(embed_dims=32, num_layers=2, num_heads=4, feedforward_channels=64)
    model = EVAMAEViT(arch=ARCH, decoder_arch=decoder, img_size=112, patch_size=14)
    account = account_of_trunk(model, Setting(BATCH, precision, 'cpu'))
    assert account.total == pytest.approx(measure(model, precision, torch.randn(BATCH, 3, 112, 112)), rel=0.1)


@pytest.mark.parametrize('precision', ('fp32', 'half'))
def test_masked_trunk_and_its_head(precision):
    from eva_mm.models.selfsup import MaskedFeatureHead

    trunk = EVAPretrainViT(arch=ARCH, img_size=112, patch_size=14).to(DTYPES[precision])
    head = MaskedFeatureHead(ARCH['embed_dims'], 32).to(DTYPES[precision])
    mask = torch.zeros(BATCH, 64, dtype=torch.bool)
    mask[:, :26] = True
    images = torch.randn(BATCH, 3, 112, 112, dtype=DTYPES[precision])
    target = torch.randn(BATCH, 64, 32)
    model = torch.nn.ModuleList((trunk, head))
    measured = saved_bytes(model, lambda: head.loss(trunk(images, mask)[0], target, mask))
    setting = Setting(BATCH, precision, 'cpu')
    total = account_of_trunk(trunk, setting).total + mim_head_bytes(26, ARCH['embed_dims'], 32, setting)
    assert total == pytest.approx(measured, rel=0.01)


@pytest.mark.parametrize('precision', DTYPES)
@pytest.mark.parametrize('attn_fp32', [False, True])
def test_selective_checkpointing_keeps_what_is_counted(precision, attn_fp32):
    block = plain(with_cp='selective', attn_fp32=attn_fp32).blocks[1].to(DTYPES[precision])
    setting = Setting(BATCH, precision, 'cpu')
    account = account_of_block(block, 65, (8, 8), setting)
    # hooks of saved tensors do not see them
    images = torch.randn(BATCH, 65, 48, dtype=DTYPES[precision])
    context = torch.autocast('cpu', torch.bfloat16, cache_enabled=False) if precision == 'amp' else nullcontext()
    with KeptStorages(block) as count, context:
        out = block(images, (8, 8))
    measured = count.bytes() - out.untyped_storage().nbytes() + images.untyped_storage().nbytes()
    assert account.kept('selective') == pytest.approx(measured, rel=0.02)
    assert account.kept(True) < account.kept('selective') < account.kept(False)


def test_frozen_blocks_keep_nothing():
    setting = Setting(BATCH, 'fp32', 'cpu')
    model = plain(frozen_stages=2)
    accounts = block_accounts(model, setting)
    assert [account.total > 0 for account in accounts] == [False, False, True, True]
    assert account_of_trunk(model, setting).total == pytest.approx(
        measure(model, 'fp32', torch.randn(BATCH, 3, 112, 112)), rel=0.01
    )


def test_fp32_logits_grow_with_the_square_of_the_tokens():
    block = plain(attn_fp32=True).blocks[0]
    small, large = (
        account_of_block(block, side * side, (side, side), Setting(1)).saved['softmax fp32'] for side in (8, 16)
    )
    assert large == 16 * small


def test_a_model_on_the_meta_device_is_enough():
    with torch.device('meta'):
        model = EVAPretrainViT(arch='giant', img_size=224, patch_size=14)
    account = account_of_trunk(model, Setting(32))
    # 8 C + 2 F numbers of two bytes for each token of each block
    expected = 40 * 32 * 257 * 2 * (8 * 1408 + 2 * 6144)
    assert account.forward['blocks'] == pytest.approx(expected, rel=0.005)


@pytest.mark.parametrize('wrong', [dict(batch_size=0), dict(batch_size=1, precision='fp8')])
def test_an_impossible_setting(wrong):
    with pytest.raises(ValueError, match='A memory account needs'):
        Setting(**wrong)
