"""Measures of structure: closed forms, then what they must and must not react to."""

import numpy as np
import pytest
from generators.samples import make_sample
from scipy.ndimage import gaussian_filter, shift

from synthex.adaptation.translation import LEAST_RETAINED, check_structure
from synthex.adaptation.translation.structure import agreement, edge_field, label_fit

ROWS, COLUMNS = np.mgrid[:96, :96] + 0.5
DISC = np.hypot(COLUMNS - 40, ROWS - 52) < 22
IMAGE = gaussian_filter(DISC + 0.4 * (np.abs(ROWS - 30) < 6), 1.0).astype(np.float32)
MASKS = np.stack((DISC, np.zeros_like(DISC), np.ones_like(DISC)))


def test_an_image_agrees_with_itself_at_any_gain_and_offset():
    for other in (IMAGE, 300 * IMAGE - 7):
        found = check_structure(IMAGE, other.astype(np.float32), MASKS)
        assert found.agreement == pytest.approx(1, abs=1e-5)
        assert found.retained == pytest.approx(1, abs=1e-5)


def test_swapping_bright_and_dark_moves_no_edge_and_turns_all_of_them():
    found = check_structure(IMAGE, -IMAGE, MASKS)
    assert found.agreement == pytest.approx(1, abs=1e-5)
    assert found.retained == pytest.approx(-1, abs=1e-5)
    # Which of both is the image's own does not matter.
    assert check_structure(-IMAGE, -IMAGE, MASKS).before == pytest.approx(found.before)


def test_edges_across_each_other_do_not_agree_at_all():
    ramp, across = COLUMNS.astype(np.float32), ROWS.astype(np.float32)
    assert agreement(edge_field(ramp), edge_field(across)) == pytest.approx(0, abs=1e-9)
    # Two ramps at 45 degrees: the cosine's square is one half.
    assert agreement(edge_field(ramp), edge_field(ramp + across)) == pytest.approx(0.5, abs=0.03)


def test_the_fit_of_a_ramp_to_straight_borders_is_known():
    # Along the ramp |g| is its mean but near the image's border: the field is 1 / sqrt(2) long.
    ramp, across = edge_field(COLUMNS.astype(np.float32)), edge_field(ROWS.astype(np.float32))
    fits = label_fit(ramp, across, (COLUMNS > 48)[None])
    assert fits == pytest.approx((2**-0.5, 0), abs=0.02)
    # A structure that is bright beside one that is dark: none takes from the other.
    both = np.stack((COLUMNS > 48, COLUMNS < 30))
    assert label_fit(ramp, ramp, both) == pytest.approx((2**-0.5, 2**-0.5), abs=0.02)


def test_without_edges_or_borders_there_is_nothing_to_say():
    flat = np.full_like(IMAGE, 3.0)
    assert np.isnan(check_structure(flat, IMAGE, MASKS).agreement)
    assert check_structure(flat, IMAGE, MASKS).before == 0
    found = check_structure(IMAGE, IMAGE, MASKS[1:])
    assert np.isnan(found.before)
    assert np.isnan(found.retained)


def test_looks_pass_and_moved_edges_are_warned_about():
    rng = np.random.default_rng(0)
    look = gaussian_filter(IMAGE.clip(0) ** 2.0, 1.0) + 0.03 * rng.standard_normal(IMAGE.shape)
    passed = check_structure(IMAGE, look.astype(np.float32), MASKS)
    moved = check_structure(IMAGE, shift(IMAGE, (4, 3), mode="nearest"), MASKS)
    assert passed.retained > LEAST_RETAINED > moved.retained
    assert passed.agreement > moved.agreement


def test_inputs_are_not_written_to():
    sample = make_sample(1)
    image, masks = sample.image.copy(), sample.masks.copy()
    check_structure(sample.image, sample.image, sample.masks)
    assert np.array_equal(sample.image, image)
    assert np.array_equal(sample.masks, masks)
