from collections import Counter
from itertools import islice

import pytest
import torch

from eva_mm.datasets.repeat_factor_sampler import RepeatFactorSampler, repeat_factors


class Labels:
    """Eight images; class 1 is in one of them, class 0 in all but one, which is empty."""

    labels = [[0]] * 6 + [[0, 1, 1], []]

    def __len__(self):
        return 8

    def get_cat_ids(self, index):
        return self.labels[index]


def test_factor_is_that_of_the_rarest_class():
    factors = repeat_factors([set(each) for each in Labels.labels], 0.5)
    expected = torch.ones(8)
    expected[6] = (0.5 / (1 / 8)) ** 0.5
    torch.testing.assert_close(factors, expected)


def views(rounds, **kwargs):
    """Views of each image in a number of rounds."""
    sampler = RepeatFactorSampler(Labels(), 0.32, seed=0, **kwargs)
    assert sampler.factors[6] == pytest.approx(1.6)
    per_round = 8 + (0.6 if sampler.stochastic_rounding else 1)
    return Counter(islice(sampler, int(rounds * per_round)))


def test_stochastic_rounding_keeps_the_factor_on_average():
    counts = views(1000)
    assert counts[6] / counts[0] == pytest.approx(1.6, abs=0.05)


def test_rounding_up():
    counts = views(100, stochastic_rounding=False)
    assert counts[6] == 200 and counts[0] == 100


def test_processes_share_the_stream(monkeypatch):
    whole = list(islice(RepeatFactorSampler(Labels(), 0.5, seed=3), 40))
    module = 'eva_mm.datasets.repeat_factor_sampler.get_dist_info'
    for rank in (0, 1):
        monkeypatch.setattr(module, lambda rank=rank: (rank, 2))
        assert list(islice(RepeatFactorSampler(Labels(), 0.5, seed=3), 20)) == whole[rank::2]


def test_threshold_must_be_positive():
    with pytest.raises(ValueError, match='repeat_thr=0 must be a positive share'):
        RepeatFactorSampler(Labels(), 0)
