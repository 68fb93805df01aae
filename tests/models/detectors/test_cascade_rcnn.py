import pytest
import torch


@pytest.fixture(scope='module')
def case(released_detector):
    return released_detector.read_reference('det_cascade_a')


def test_heads_are_trained_in_fp32_under_autocast(case, released_detector):
    model = released_detector.build_released(case).train()
    images, samples = released_detector.preprocess(model, case)
    seen = {}
    model.neck.register_forward_hook(lambda module, inputs, out: seen.update(neck=out[0].dtype))
    model.rpn_head.register_forward_hook(lambda module, inputs, out: seen.update(rpn=out[0][0].dtype))
    head = model.roi_head.bbox_head[0]
    head.register_forward_hook(lambda module, inputs, out: seen.update(box=out[0].dtype))
    with torch.autocast('cpu', dtype=torch.bfloat16):
        losses = model.loss(images, samples)
    assert seen == dict(neck=torch.bfloat16, rpn=torch.float32, box=torch.float32)
    assert losses['s0.loss_cls'].dtype == torch.float32


def test_initialises_from_a_file_of_the_whole_detector(case, released_detector, tmp_path):
    torch.save({'model': case['state_dict']}, tmp_path / 'released.pth')
    model = released_detector.build_released(case)
    for parameter in model.parameters():
        torch.nn.init.zeros_(parameter)
    model.init_cfg = dict(type='Pretrained', checkpoint=str(tmp_path / 'released.pth'))
    model.init_weights()
    expected = case['state_dict']['roi_heads.mask_head.predictor.weight']
    assert torch.equal(model.roi_head.mask_head.conv_logits.weight, expected)
    assert torch.equal(
        model.backbone.blocks[3].attn.rel_pos.h,
        case['state_dict']['backbone.net.blocks.3.attn.rel_pos_h'],
    )
