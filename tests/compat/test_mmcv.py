from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from hostile import EPS, fake_ghostscript, png
from mmcv.ops import multi_scale_deform_attn

from eva_mm.compat.mmcv import bound_attention_memory


def reference(value, shapes, locations, weights):
    """Deformable attention level by level, by ``grid_sample``."""
    batch, _, heads, width = value.shape
    queries = locations.size(1)
    output = 0
    levels = value.split([int(h * w) for h, w in shapes], dim=1)
    for level, (h, w) in enumerate(shapes.tolist()):
        grid = 2 * locations[:, :, :, level].transpose(1, 2).flatten(0, 1) - 1
        maps = levels[level].permute(0, 2, 3, 1).reshape(batch * heads, width, h, w)
        points = F.grid_sample(maps, grid, align_corners=False)
        share = weights[:, :, :, level].transpose(1, 2).reshape(batch * heads, 1, queries, -1)
        output = output + (points * share).sum(-1)
    return output.view(batch, heads * width, queries).transpose(1, 2)


def test_cpu_attention_equals_grid_sample():
    shapes = torch.tensor([[4, 6], [3, 2]])
    inputs = [torch.rand(2, 30, 3, 5), torch.rand(2, 7, 3, 2, 4, 2) * 1.4 - 0.2, torch.rand(2, 7, 3, 2, 4)]
    inputs = [t.double().requires_grad_() for t in inputs]
    value, locations, weights = inputs
    expected = reference(value, shapes, locations, weights)
    output = multi_scale_deform_attn.multi_scale_deformable_attn_pytorch(value, shapes, locations, weights)
    torch.testing.assert_close(output, expected)
    grad = torch.rand_like(output)
    torch.testing.assert_close(torch.autograd.grad(output, inputs, grad), torch.autograd.grad(expected, inputs, grad))


def module_with(kernel):
    plain = object()
    return SimpleNamespace(
        ext_module=SimpleNamespace(ms_deform_attn_forward=kernel), multi_scale_deformable_attn_pytorch=plain
    ), plain


def test_compiled_mmcv_is_left_alone():
    attention, plain = module_with(len)
    bound_attention_memory(attention)
    assert attention.multi_scale_deformable_attn_pytorch is plain


def test_other_devices_keep_the_function_of_mmcv():
    from eva_mm.compat.mmcv_ops import ms_deform_attn_forward

    attention, _ = module_with(ms_deform_attn_forward)
    attention.multi_scale_deformable_attn_pytorch = lambda value, *rest: value.device.type
    bound_attention_memory(attention)
    assert attention.multi_scale_deformable_attn_pytorch(torch.empty(1, device='meta'), None, None, None) == 'meta'


@pytest.mark.parametrize('backend', ['cv2', 'pillow'])
def test_images_are_measured_before_they_are_decoded(backend, tmp_path, monkeypatch):
    mmcv = pytest.importorskip('mmcv')
    canary = fake_ghostscript(tmp_path, monkeypatch)
    (tmp_path / 'eps.jpg').write_bytes(EPS)
    (tmp_path / 'strip.png').write_bytes(png(60_000, 1))
    (tmp_path / 'bomb.png').write_bytes(png(20_000, 9_000))
    (tmp_path / 'sound.png').write_bytes(png(30, 20))
    for name, message in (('eps.jpg', 'no known image format'), ('strip.png', 'max_ratio'), ('bomb.png', 'pixels')):
        with pytest.raises(ValueError, match=message):
            mmcv.imread(str(tmp_path / name), backend=backend)
    assert mmcv.imread(str(tmp_path / 'sound.png'), backend=backend).shape == (20, 30, 3)
    assert not canary.exists()


@pytest.mark.parametrize('host', ['mmpretrain', 'mmdet', 'mmseg', 'mmaction'])
def test_the_pipelines_of_every_host_are_bounded(host, tmp_path):
    transforms = pytest.importorskip(f'{host}.registry').TRANSFORMS
    (tmp_path / 'strip.png').write_bytes(png(60_000, 1))
    with pytest.raises(ValueError, match='max_ratio'):
        transforms.build(dict(type='LoadImageFromFile'))(dict(img_path=str(tmp_path / 'strip.png')))
