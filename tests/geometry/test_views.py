import json

import numpy as np
import pytest

from synthex.core import derive_rng
from synthex.geometry import View, ViewRanges

RANGES = ViewRanges(
    lao_rao_deg=(-45, 45),
    cranial_caudal_deg=(-20, 10),
    roll_deg=(-5, 5),
    isocenter_jitter_mm=((-20, 20), (-10, 10), (0, 30)),
    source_isocenter_mm=(500, 600),
)


def test_record_round_trip_is_exact():
    view = RANGES.sample(derive_rng(1), np.array((1.0, 2.0, 3.0)))
    again = View.from_record(json.loads(json.dumps(view.to_record())))
    assert again.to_record() == view.to_record()
    np.testing.assert_array_equal(again.isocenter_world, view.isocenter_world)


def test_samples_fill_their_ranges_and_stay_inside():
    center = np.array((100.0, 200.0, 300.0))
    rng = derive_rng("views")
    views = [RANGES.sample(rng, center) for _ in range(2000)]
    for name in ("lao_rao_deg", "cranial_caudal_deg", "roll_deg", "source_isocenter_mm"):
        drawn, (low, high) = np.array([getattr(view, name) for view in views]), getattr(RANGES, name)
        assert low <= drawn.min() < low + 0.02 * (high - low)
        assert high >= drawn.max() > high - 0.02 * (high - low)
    jitter = np.array([view.isocenter_world - center for view in views])
    low, high = np.array(RANGES.isocenter_jitter_mm).T
    assert (jitter >= low).all()
    assert (jitter <= high).all()
    np.testing.assert_allclose(jitter.mean(axis=0), (low + high) / 2, atol=5 * 20 / np.sqrt(12 * 2000) * 2)


def test_same_generator_gives_the_same_view():
    center = np.zeros(3)
    assert RANGES.sample(derive_rng(3), center).to_record() == RANGES.sample(derive_rng(3), center).to_record()


def test_widening_one_range_leaves_the_other_draws_alone():
    fixed = ViewRanges(roll_deg=RANGES.roll_deg)
    assert RANGES.sample(derive_rng(4), np.zeros(3)).roll_deg == fixed.sample(derive_rng(4), np.zeros(3)).roll_deg


def test_zero_width_ranges_give_the_frontal_view():
    view = ViewRanges().sample(derive_rng(0), np.array((1.0, 2.0, 3.0)))
    assert view.to_record() == View(np.array((1.0, 2.0, 3.0))).to_record()


def test_lists_from_a_config_will_do():
    assert ViewRanges(roll_deg=[-5, 5]).roll_deg == (-5.0, 5.0)


@pytest.mark.parametrize("bad", [(5, -5), (1,), (0, float("inf"))])
def test_bad_ranges_are_refused(bad):
    with pytest.raises(ValueError, match="roll_deg"):
        ViewRanges(roll_deg=bad)


def test_bad_views_are_refused():
    with pytest.raises(ValueError, match="isocentre"):
        View(np.array((0.0, 0.0, np.nan)))
    with pytest.raises(ValueError, match="distance"):
        View(np.zeros(3), source_isocenter_mm=0)
