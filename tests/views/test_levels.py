"""The grid of levels: where settings are, and the noise of an image."""

import numpy as np
import pytest

from synthex.views.levels import find_key
from synthex.views.preview_grid import noise_of


def test_keys_are_found_wherever_they_are():
    node = {"a": 1, "b": {"c": {"kvp": 80}, "mas": 2}}
    assert find_key(node, "kvp") == "b.c.kvp"
    assert find_key(node, "mas") == "b.mas"
    assert find_key(node, "size") is None


def test_noise_is_estimated_whatever_the_ramp_beneath():
    rng = np.random.default_rng(0)
    ramp = np.add.outer(np.linspace(0, 40, 128), np.linspace(0, 90, 128))
    for sigma in (0.05, 1.0):
        image = (ramp + rng.normal(0, sigma, ramp.shape)).astype(np.float32)
        assert noise_of(image) == pytest.approx(sigma, rel=0.05)
    assert noise_of(ramp.astype(np.float32)) < 1e-4
