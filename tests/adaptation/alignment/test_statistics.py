import math

import numpy as np
import pytest
import torch

from synthex.adaptation.alignment import DiscriminatorWatch, statistics_distance


@pytest.fixture
def features():
    generator = torch.Generator().manual_seed(1)
    return torch.randn(4, 3, 6, 5, generator=generator) * torch.tensor([1.0, 5.0, 0.1]).reshape(3, 1, 1)


def test_equal_domains_are_at_no_distance(features):
    assert [value.item() for value in statistics_distance(features, features.flip(0))] == pytest.approx(
        [0, 0], abs=1e-4
    )


def test_a_shift_is_measured_in_standard_deviations_and_a_factor_as_its_logarithm(features):
    spread = features.transpose(0, 1).flatten(1).std(dim=1, correction=0).reshape(3, 1, 1)
    mean, ratio = statistics_distance(features, features + 2 * spread)
    assert (mean.item(), ratio.item()) == pytest.approx((2, 0), abs=1e-3)
    centred = features - features.mean(dim=(0, 2, 3), keepdim=True)
    mean, ratio = statistics_distance(centred, 3 * centred)
    assert (mean.item(), ratio.item()) == pytest.approx((0, math.log(3)), abs=1e-3)


def test_the_numpy_twin_agrees_and_domains_may_differ_in_size(features):
    other = 0.5 * features[:2, :, :4] + 1
    one, two = (np.moveaxis(values.numpy(), 1, 0).reshape(3, -1) for values in (features, other))
    pooled = np.sqrt((one.var(axis=1) + two.var(axis=1)) / 2)
    shift = (one.mean(axis=1) - two.mean(axis=1)) / pooled
    ratio = np.log(one.std(axis=1) / two.std(axis=1))
    found = [value.item() for value in statistics_distance(features, other)]
    assert found == pytest.approx([np.sqrt(np.mean(shift**2)), np.sqrt(np.mean(ratio**2))], rel=1e-4)


def test_a_dead_channel_is_no_distance():
    dead = torch.zeros(2, 1, 3, 3)
    assert [value.item() for value in statistics_distance(dead, dead)] == [0, 0]


def test_a_user_is_warned_once_of_each_fault(caplog):
    watch = DiscriminatorWatch()
    assert watch.see("decoder", 0.8, 200) is None
    assert "cannot tell" in watch.see("decoder", 0.505, 200)
    assert watch.see("decoder", 0.50, 200) is None
    assert "always tells" in watch.see("decoder", 0.999, 200)
    assert "cannot tell" in watch.see("outputs", 0.5, 200)
    assert len(caplog.records) == 3
    assert all("\n" not in record.getMessage() for record in caplog.records)
