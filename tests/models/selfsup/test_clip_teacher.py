import open_clip
import pytest
import torch

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
