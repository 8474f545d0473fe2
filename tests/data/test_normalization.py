"""What normalisations make of letterboxes, round fields and letters."""

import numpy as np
import pytest

from synthex.adaptation.translation.pixels import check_invertible
from synthex.core import ConfigError, derive_rng
from synthex.data import normalize
from synthex.data.normalization import blank


def anatomy(pixels: int = 300) -> np.ndarray:
    """Waves and noise on [0, 1], as no border is."""
    y, x = np.mgrid[:pixels, :pixels] / pixels
    waves = 0.5 + 0.25 * np.sin(9 * x + 4 * y) + 0.15 * np.cos(13 * y)
    return (waves + 0.02 * derive_rng("anatomy").standard_normal((pixels, pixels))).astype(np.float32)


def in_box(level: float) -> np.ndarray:
    picture = np.full((400, 300), level, dtype=np.float32)
    picture[50:350] = anatomy()
    return picture


def round_field(level: float) -> np.ndarray:
    picture = anatomy()
    y, x = np.mgrid[:300, :300] - 149.5
    picture[np.hypot(x, y) > 149] = level
    return picture


def with_letters() -> np.ndarray:
    picture = anatomy()
    picture[10:25, 10:30] = 4.0
    return picture


@pytest.mark.parametrize("level", [-0.5, 0.5, 1.5])
def test_blank_is_the_border_and_nothing_of_the_picture(level):
    found = blank(in_box(level))
    assert found[:50].all()
    assert found[350:].all()
    assert found[50:350].mean() < 0.05
    y, x = np.mgrid[:300, :300] - 149.5
    found = blank(round_field(level))
    assert found[np.hypot(x, y) > 152].all()
    assert found[np.hypot(x, y) < 148].mean() < 0.05


def test_nothing_is_blank_where_there_is_no_border_or_nothing_else():
    assert not blank(anatomy()).any()
    assert not blank(np.zeros((20, 30), dtype=np.float32)).any()
    speck = np.zeros((40, 40), dtype=np.float32)
    speck[20, 20] = 1
    assert not blank(speck).any()


@pytest.mark.parametrize(
    "picture", [in_box(-1.0), in_box(2.0), round_field(-1.0), round_field(3.0), with_letters()], ids=range(5)
)
def test_robust_leaves_the_anatomy_where_it_is(picture):
    """Within 0.1 of a standard deviation, where z-scores go astray by more than three times as much."""
    inside = np.s_[100:200, 100:200]
    shift = 50 if len(picture) > 300 else 0
    there = np.s_[100 + shift : 200 + shift, 100:200]
    robust, plain = (
        np.abs(normalize(picture, mode)[there] - normalize(anatomy(), mode)[inside]).max()
        for mode in ("robust", "zscore")
    )
    assert robust < 0.1
    assert plain > 3 * robust


def test_robust_does_not_know_gain_offset_or_size():
    picture = with_letters()
    np.testing.assert_allclose(normalize(5 * picture - 3, "robust"), normalize(picture, "robust"), atol=1e-4)
    large = normalize(np.kron(picture, np.ones((4, 4), dtype=np.float32)), "robust")
    np.testing.assert_allclose(large[::4, ::4], normalize(picture, "robust"), atol=0.02)


def test_metal_stays_above_bone_but_not_by_far():
    picture = anatomy()
    picture[140:150, 100:200] = 40.0
    values = normalize(picture, "robust")
    assert values[145, 150] == values.max() == 4
    assert values[145, 150] > np.quantile(values[200:], 0.999)


def test_a_constant_image_becomes_zero():
    assert (normalize(np.full((9, 7), 3.0, dtype=np.float32), "robust") == 0).all()


def test_translators_need_a_way_back():
    with pytest.raises(ConfigError, match="robust clips"):
        check_invertible("robust")
