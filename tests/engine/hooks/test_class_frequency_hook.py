from types import SimpleNamespace

import pytest
from torch import nn

from eva_mm.engine.hooks.class_frequency_hook import ClassFrequencyHook


class Labels:
    metainfo = dict(classes=('a', 'b', 'c'))

    def __len__(self):
        return 3

    def get_cat_ids(self, index):
        return [[0, 0, 2], [0], []][index]


class Loss(nn.Module):
    def set_image_counts(self, counts):
        self.counts = counts


def runner(model):
    return SimpleNamespace(model=model, train_dataloader=SimpleNamespace(dataset=Labels()))


def test_every_loss_gets_the_images_of_each_class():
    model = nn.ModuleList([Loss(), nn.Linear(1, 1), Loss()])
    ClassFrequencyHook().before_train(runner(model))
    assert [model[0].counts, model[2].counts] == [[2, 0, 1]] * 2


def test_no_loss_takes_them():
    with pytest.raises(ValueError, match='found no loss in Linear that takes image counts'):
        ClassFrequencyHook().before_train(runner(nn.Linear(1, 1)))
