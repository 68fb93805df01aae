import json
import math
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from mmengine.structures import BaseDataElement
from torch.nn import functional as F

from eva_mm.checkpoint import convert_state_dict
from eva_mm.models.multimodal.eva_clip import contrastive_loss
from eva_mm.registry import MODELS
from tests.helpers.parity import assert_near

ZERO_SHOT = dict(classes=['cat', 'dog', 'cow'], templates=['a {}', 'the {}'])


def _pairs():
    torch.manual_seed(0)
    return torch.randn(4, 3, 56, 56), torch.randint(1, 90, (4, 14))


def test_matches_the_released_model(build_clip, reference):
    data = reference('clip_full_a.pt')
    model = build_clip().eval()
    model.load_state_dict(data['state_dict'], strict=True)
    inputs, expected = data['inputs'], data['outputs']
    images, texts, scale = model(inputs['image'], inputs['text'])
    assert_near(images, expected['image_features'])
    assert_near(texts, expected['text_features'])
    assert scale.item() == pytest.approx(expected['logit_scale'], rel=1e-6)
    assert_near(scale * images @ texts.T, expected['logits_per_image'])
    raw = model.encode_image(inputs['image'], normalize=False), model.encode_text(inputs['text'], normalize=False)
    assert_near(raw[0], expected['image_only'])
    assert_near(raw[1], expected['text_only'])


def test_full_size_has_the_released_number_of_parameters():
    with torch.device('meta'):
        model = MODELS.build(
            dict(
                type='eva_mm.EVACLIP',
                visual=dict(type='eva_mm.EVACLIPViT', arch='giant'),
                text=dict(type='eva_mm.CLIPTextTower'),
            )
        )
    sizes = {tower: sum(p.numel() for p in getattr(model, tower).parameters()) for tower in ('visual', 'text')}
    assert sizes == dict(visual=1_012_588_928, text=123_846_913)


def test_the_loss_is_symmetric_cross_entropy():
    images, texts = (F.normalize(torch.randn(5, 8), dim=-1) for _ in range(2))
    logits = 10 * images @ texts.T
    expected = (F.cross_entropy(logits, torch.arange(5)) + F.cross_entropy(logits.T, torch.arange(5))) / 2
    torch.testing.assert_close(contrastive_loss(images, texts, torch.tensor(10.0)), expected)


def test_two_ranks_are_one_process_with_the_joined_batch():
    script = Path(__file__).parent / 'contrastive_ranks.py'
    command = [sys.executable, '-m', 'torch.distributed.run', '--standalone', '--nproc_per_node=2', str(script)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr[-2000:]
    differences = json.loads(run.stdout[run.stdout.index('{') :])
    assert differences['loss'] < 1e-6 and differences['gradient'] < 1e-6


def test_every_parameter_gets_a_gradient_with_and_without_checkpointing(build_clip):
    gradients = []
    for with_cp in (False, True):
        torch.manual_seed(1)
        model = build_clip(dict(with_cp=with_cp), dict(with_cp=with_cp))
        loss, log_vars = model.parse_losses(model(*_pairs(), mode='loss'))
        assert log_vars['logit_scale'].item() == pytest.approx(1 / 0.07, rel=1e-5)
        loss.backward()
        gradients.append({name: parameter.grad for name, parameter in model.named_parameters()})
    assert all(gradient is not None for gradient in gradients[0].values())
    torch.testing.assert_close(gradients[0], gradients[1])


def test_the_logit_scale_stays_below_100(build_clip):
    model = build_clip()
    model.text.logit_scale.data.fill_(7.0)
    losses = model(*_pairs(), mode='loss')
    assert losses['logit_scale'].item() == pytest.approx(100, rel=1e-5)
    assert model.text.logit_scale.item() == pytest.approx(math.log(100))


def test_patch_dropout_only_in_training(build_clip):
    model = build_clip(dict(patch_dropout=0.5))
    tokens = []
    model.visual.blocks[0].register_forward_hook(lambda module, args, out: tokens.append(out.shape[1]))
    images, _ = _pairs()
    model.train().encode_image(images)
    model.eval().encode_image(images)
    assert tokens == [1 + 8, 1 + 16]


def test_zero_shot_classes_are_normalised_means_over_templates(build_clip):
    # 49,408 tokens: the classes are real words
    model = build_clip(text=dict(vocab_size=49408), zero_shot=ZERO_SHOT).eval()
    images, _ = _pairs()
    samples = model(images, data_samples=[BaseDataElement() for _ in images], mode='predict')
    texts = model.encode_text(model.text.tokenize(['a dog', 'the dog']))
    expected = F.normalize(texts.mean(dim=0), dim=0)
    torch.testing.assert_close(model.classifier()[:, 1], expected)
    scores = torch.stack([sample.pred_score for sample in samples])
    torch.testing.assert_close(scores, (100 * model.encode_image(images) @ model.classifier()).softmax(-1))
    frames = model(images[:, None], data_samples=[BaseDataElement() for _ in images], mode='predict')
    torch.testing.assert_close(torch.stack([sample.pred_score for sample in frames]), scores)


def test_zero_shot_classes_follow_training(build_clip):
    model = build_clip(text=dict(vocab_size=49408), zero_shot=ZERO_SHOT).eval()
    before = model.classifier()
    assert model.classifier() is before
    model.train()
    model.text.ln_final.weight.data.mul_(torch.randn(32))
    assert not torch.allclose(model.eval().classifier(), before)


def test_texts_and_images_are_attached_to_their_samples(build_clip):
    model = build_clip().eval()
    images, tokens = _pairs()
    samples = model(images[:2], [tokens[:3], tokens[3:]], [BaseDataElement(), BaseDataElement()], mode='predict')
    assert [tuple(sample.text_features.shape) for sample in samples] == [(3, 24), (1, 24)]
    torch.testing.assert_close(samples[1].text_features, model.encode_text(tokens[3:]))
    torch.testing.assert_close(samples[1].image_feature, model.encode_image(images[1:2])[0])


def test_depths(build_clip):
    model = build_clip()
    depths = {name: model.get_layer_depth(name) for name, _ in model.named_parameters()}
    assert depths['visual.pos_embed'] == (0, 5) and depths['visual.blocks.2.norm1.weight'] == (3, 5)
    assert depths['visual.head.bias'] == (4, 5)
    assert depths['text.token_embedding.weight'] == depths['text.positional_embedding'] == (0, 5)
    assert depths['text.transformer.resblocks.1.ln_1.bias'] == (2, 5)
    assert depths['text.text_projection'] == depths['text.logit_scale'] == (4, 5)


def test_the_vision_tower_starts_from_a_pretrained_eva(build_clip, reference, tmp_path):
    checkpoint = reference('mim_pretrain_a.pt')['state_dict']
    torch.save({'model': checkpoint}, tmp_path / 'mim.pt')
    init_cfg = dict(type='Pretrained', checkpoint=str(tmp_path / 'mim.pt'))
    arch = dict(
        embed_dims=checkpoint['cls_token'].shape[-1],
        num_layers=sum(name.endswith('norm1.weight') for name in checkpoint),
        num_heads=4,
        feedforward_channels=checkpoint['blocks.0.mlp.fc1.weight'].shape[0],
    )
    model = build_clip(dict(arch=arch, init_cfg=init_cfg))
    model.init_weights()
    weights = model.visual.state_dict()
    for name in ('blocks.1.attn.qkv.weight', 'pos_embed', 'norm.bias'):
        torch.testing.assert_close(weights[name], checkpoint[name].float())
    report = convert_state_dict(checkpoint, 'clip', target=model.state_dict()).report
    assert not report.missing and {'visual.head.weight', 'text.logit_scale'} <= set(report.fresh)


def test_unknown_mode(build_clip):
    with pytest.raises(ValueError, match="mode='losses' is unknown"):
        build_clip()(*_pairs(), mode='losses')


def test_classifying_without_classes(build_clip):
    with pytest.raises(ValueError, match='give it zero_shot=dict'):
        build_clip().eval()(_pairs()[0], data_samples=[BaseDataElement()] * 4, mode='predict')


def test_patch_dropout_of_everything(build_clip):
    with pytest.raises(ValueError, match=r'patch_dropout=1.0 is no share in \[0, 1\)'):
        build_clip(dict(patch_dropout=1.0))
