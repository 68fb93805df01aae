import logging
from types import SimpleNamespace

from torch import nn

from eva_mm.engine import CompileBlocksHook
from eva_mm.models.backbones import EVAViT
from eva_mm.registry import HOOKS

TINY = dict(embed_dims=16, num_layers=2, num_heads=2, feedforward_channels=24)


def is_compiled(block):
    return block._compiled_call_impl is not None


def test_student_and_teacher_are_compiled(caplog):
    student, teacher = EVAViT(TINY, img_size=28), EVAViT(TINY, img_size=28)
    model = nn.Module()
    model.backbone = student
    model.__dict__['target_generator'] = SimpleNamespace(visual=teacher)
    hook = HOOKS.build(dict(type='eva_mm.CompileBlocksHook', backend='eager'))
    assert isinstance(hook, CompileBlocksHook)
    with caplog.at_level(logging.INFO):
        hook.before_train(SimpleNamespace(model=model, logger=logging.getLogger('test')))
    assert all(map(is_compiled, [*student.blocks, *teacher.blocks]))
    assert '4 transformer blocks' in caplog.text


def test_a_model_without_teacher():
    model = EVAViT(TINY, img_size=28)
    CompileBlocksHook(backend='eager').before_train(SimpleNamespace(model=model, logger=logging.getLogger('test')))
    assert all(map(is_compiled, model.blocks))
