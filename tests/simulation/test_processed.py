"""The made-up look: curve, blur and noise with known effects. That labels do not change is in tests/contracts."""

import numpy as np
import pytest

from synthex.core import ConfigError, derive_rng
from synthex.simulation import Naive, Processed
from synthex.simulation.levels.processed import process

IMAGE = np.random.default_rng(0).uniform(2, 6, (64, 64)).astype(np.float32)


def test_without_any_step_the_image_is_what_it_was():
    np.testing.assert_allclose(process(IMAGE, 1, 0, 0, derive_rng(0)), IMAGE, atol=1e-5)


def test_the_curve_is_a_power_within_the_images_own_range():
    low, high = IMAGE.min(), IMAGE.max()
    wanted = low + (high - low) * ((IMAGE - low) / (high - low)) ** 2.5
    np.testing.assert_allclose(process(IMAGE, 2.5, 0, 0, derive_rng(0)), wanted, atol=1e-4)


def test_a_point_is_blurred_to_the_given_deviation():
    point = np.zeros((65, 65), dtype=np.float32)
    point[32, 32] = 1
    found = process(point, 1, 3.0, 0, derive_rng(0))
    assert found.sum() == pytest.approx(1, abs=1e-3)
    spread = (found * (np.arange(65) - 32) ** 2).sum()
    assert spread == pytest.approx(9, rel=0.02)  # the kernel ends at 4 deviations


def test_noise_has_the_given_deviation_and_comes_from_the_generator():
    one, same, other = (process(IMAGE, 1, 0, 0.1, derive_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)
    deviation = float((one - IMAGE).std()) / float(IMAGE.max() - IMAGE.min())
    assert deviation == pytest.approx(0.1, abs=5 * 0.1 / np.sqrt(2 * IMAGE.size))


def test_a_constant_image_stays_as_it_is():
    flat = np.full((8, 8), 3.0, dtype=np.float32)
    found = process(flat, 2.5, 1, 0.1, derive_rng(0))
    assert np.array_equal(found, flat)
    assert found is not flat


@pytest.mark.parametrize("bad", [{"exponent": 0}, {"blur_mm": -1}, {"noise": [0.2, 0.1]}])
def test_a_bad_setting_is_one_line(bad):
    with pytest.raises(ConfigError, match=f"simulation.{next(iter(bad))}"):
        Processed(Naive(), **bad)
