import json

import open_clip
import pytest
import torch
from hostile import evil_checkpoint, evil_pickle, flipped, tensor_place

from eva_mm.models.selfsup import CLIPTeacher
from tests.helpers.parity import assert_near


def test_matches_the_released_teacher(reference, teacher_folder):
    data = reference('clip_teacher_a.pt')
    features = CLIPTeacher(f'local-dir:{teacher_folder}')(data['inputs']['image'])
    assert_near(features, data['outputs']['patch_features'])


def test_is_frozen_and_in_evaluation_mode(teacher_folder):
    teacher = CLIPTeacher(f'local-dir:{teacher_folder}')
    assert not teacher(torch.randn(1, 3, 56, 56)).requires_grad
    assert not teacher.visual.training
    assert not any(p.requires_grad for p in teacher.visual.parameters())


def test_half_precision_images_are_seen_under_autocast(teacher_folder):
    teacher = CLIPTeacher(f'local-dir:{teacher_folder}')
    image = torch.randn(1, 3, 56, 56)
    full, half = teacher(image), teacher(image.bfloat16())
    assert next(teacher.visual.parameters()).dtype == torch.float32
    assert torch.nn.functional.cosine_similarity(full, half.float(), dim=-1).min() > 0.999


def test_projection_is_the_one_of_the_class_token():
    """A timm tower (EVA-CLIP is one): projecting its normed class token gives CLIP's own image feature."""
    config = dict(
        embed_dim=24,
        vision_cfg=dict(
            timm_model_name='vit_tiny_patch16_224', timm_model_pretrained=False, timm_pool='token', timm_proj=None,
            image_size=224,
        ),
        text_cfg=dict(context_length=8, vocab_size=64, width=16, heads=2, layers=1),
    )  # fmt: skip
    model = open_clip.CustomTextCLIP(**config).eval()
    teacher = CLIPTeacher.__new__(CLIPTeacher)
    teacher.visual = model.visual
    images = torch.randn(1, 3, 224, 224)
    tokens = model.visual.trunk.forward_features(images)
    torch.testing.assert_close(teacher._project(tokens)[:, 0], model.encode_image(images))
    torch.testing.assert_close(teacher(images), teacher._project(tokens[:, 1:]))


@pytest.mark.parametrize(
    'model, pretrained, message',
    [
        ('ViT-L-14', 'openai', "computes the other one: name the model 'ViT-L-14-quickgelu'"),
        ('ViT-L-14-quickgelu', 'laion2b', 'neither a file nor a tag'),
        ('ViT-L-15', 'openai', "open_clip knows no model 'ViT-L-15'"),
        ('ViT-L-14-quickgelu', None, 'needs weights: set pretrained'),
    ],
)
def test_wrong_names_are_refused_at_once(model, pretrained, message):
    with pytest.raises(ValueError, match=message):
        CLIPTeacher(model, pretrained)


def test_plain_gelu_weights_are_refused_in_a_quickgelu_model():
    tag = next(
        tag for tag in open_clip.list_pretrained_tags_by_model('ViT-B-32')
        if not open_clip.get_pretrained_cfg('ViT-B-32', tag).get('quick_gelu')
    )  # fmt: skip
    CLIPTeacher('ViT-B-32', tag)
    with pytest.raises(ValueError, match='name the model'):
        CLIPTeacher('ViT-B-32', 'openai')


def test_an_openai_archive_needs_quickgelu(tmp_path):
    file = tmp_path / 'archive.pt'
    torch.jit.script(torch.nn.Linear(2, 2)).save(str(file))
    with pytest.raises(ValueError, match='ViT-B-32-quickgelu'):
        CLIPTeacher('ViT-B-32', str(file))
    CLIPTeacher('ViT-B-32-quickgelu', str(file))


def test_a_missing_folder_is_one_sentence(tmp_path):
    teacher = CLIPTeacher(f'local-dir:{tmp_path}')
    with pytest.raises(FileNotFoundError, match='train or export it first'):
        teacher.load()


@pytest.mark.parametrize(
    'tower, changes, message',
    [
        ('text_cfg', dict(hf_model_name='127.0.0.1/evil', hf_tokenizer_name='127.0.0.1/evil'), 'hf_model_name'),
        ('text_cfg', dict(hf_tokenizer_name='127.0.0.1/evil'), 'hf_tokenizer_name'),
        ('vision_cfg', dict(timm_model_name='hf-hub:127.0.0.1/evil'), 'hf-hub:127.0.0.1/evil'),
        ('vision_cfg', dict(timm_model_name='local-dir:/etc'), 'local-dir:/etc'),
    ],
)
def test_a_folder_that_names_a_hub_is_refused(teacher_folder, tower, changes, message, monkeypatch):
    monkeypatch.setattr(open_clip, 'create_model', lambda *_, **__: pytest.fail('open_clip builds what it names'))
    path = teacher_folder / 'open_clip_config.json'
    content = json.loads(path.read_text())
    content['model_cfg'][tower].update(changes)
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=f'{message}.*would be fetched'):
        CLIPTeacher(f'local-dir:{teacher_folder}').load()


def test_damaged_and_hostile_weights_of_a_folder_are_refused(teacher_folder, tmp_path):
    file, canary = teacher_folder / 'open_clip_pytorch_model.bin', tmp_path / 'canary'
    weights = torch.load(file, weights_only=True)
    content = file.read_bytes()

    def load():
        CLIPTeacher(f'local-dir:{teacher_folder}').load()

    file.write_bytes(flipped(content, tensor_place(content, weights['visual.conv1.weight'])))
    with pytest.raises(ValueError, match='checksum'):
        load()
    torch.save({**weights, 'visual.proj': weights['visual.proj'] * float('nan')}, file)
    with pytest.raises(ValueError, match='cannot be used: .*visual.proj'):
        load()
    evil_checkpoint(file, canary)
    with pytest.raises(ValueError, match='code'):
        load()
    assert not canary.exists()


def test_numpy_arrays_are_not_unpickled(tmp_path):
    (tmp_path / 'weights.npz').write_bytes(evil_pickle(tmp_path / 'canary'))
    with pytest.raises(ValueError, match='holds NumPy arrays: convert it'):
        CLIPTeacher('ViT-B-32-quickgelu', str(tmp_path / 'weights.npz')).load()
