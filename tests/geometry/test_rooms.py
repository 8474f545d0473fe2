import json
from dataclasses import replace

import numpy as np
import pytest

from synthex.core import derive_rng
from synthex.geometry import CArm, MixedViews, StandRanges, View

PA = StandRanges("posterior", (1800, 1830), (120, 180), lao_rao_deg=(-5, 5), weight=3)
AP = StandRanges("anterior", [900, 1300], [100, 250], field_mm=[300, 400], weight=1)
ROOM = CArm(rows=64, columns=64, pixel_mm=6.7, sdd_mm=1830)


def test_a_view_says_where_the_tube_is():
    view = View(np.zeros(3), source_isocenter_mm=1600, sdd_mm=1800, source_side="posterior")
    camera = ROOM.camera(view)
    assert camera.sdd_mm == pytest.approx(1800)
    assert np.allclose(camera.source_world, (0, -1600, 0))
    assert ROOM.magnification(view) == pytest.approx(1800 / 1600)
    front = ROOM.camera(View(np.zeros(3), source_isocenter_mm=900, sdd_mm=1000))
    assert np.allclose(front.source_world, (0, 900, 0))
    # The patient's right is on the image's left, from either side.
    right = np.array(((50.0, 0.0, 0.0),))
    assert camera.project(right)[0, 0] < 32
    assert front.project(right)[0, 0] < 32


def test_a_field_is_the_middle_of_the_detector_with_finer_pixels():
    whole = View(np.zeros(3), source_isocenter_mm=1600, sdd_mm=1800, source_side="posterior")
    part = replace(whole, field_mm=300)
    wide, narrow = ROOM.camera(whole), ROOM.camera(part)
    assert (narrow.height, narrow.width) == (64, 64)
    assert narrow.pixel_mm == pytest.approx(300 / 64)
    assert narrow.sdd_mm == pytest.approx(1800)
    points = np.array(((50.0, 10.0, -70.0), (-20.0, 0.0, 30.0)))
    offset = (wide.project(points) - 32) * wide.pixel_mm
    assert np.allclose((narrow.project(points) - 32) * narrow.pixel_mm, offset)
    assert np.array_equal(ROOM.camera(replace(whole, field_mm=430)).intrinsics, wide.intrinsics)
    with pytest.raises(ValueError, match="positive"):
        View(np.zeros(3), field_mm=0)


def test_records_keep_what_a_view_has_of_its_own_and_nothing_else():
    view = PA.sample(derive_rng(0), np.zeros(3))
    record = json.loads(json.dumps(view.to_record()))
    assert View.from_record(record).to_record() == view.to_record()
    assert record["source_side"] == "posterior"
    assert set(View(np.zeros(3)).to_record()) == set(record) - {"sdd_mm", "source_side"}
    opened = AP.sample(derive_rng(0), np.zeros(3))
    assert View.from_record(json.loads(json.dumps(opened.to_record()))).field_mm == opened.field_mm


def test_kinds_come_by_their_weight_and_stay_in_their_ranges():
    rng = derive_rng("room")
    views = [MixedViews({"pa": PA, "ap": AP, "lateral": None}).sample(rng, np.zeros(3)) for _ in range(2000)]
    pa = [view for view in views if view.source_side == "posterior"]
    assert len(pa) / len(views) == pytest.approx(0.75, abs=4 * np.sqrt(0.75 * 0.25 / 2000))
    for view in views:
        kind = PA if view.source_side == "posterior" else AP
        assert kind.sdd_mm[0] <= view.sdd_mm <= kind.sdd_mm[1]
        behind = view.sdd_mm - view.source_isocenter_mm
        assert view.field_mm is None if kind is PA else 300 <= view.field_mm <= 400
        assert kind.isocenter_detector_mm[0] - 1e-9 <= behind <= kind.isocenter_detector_mm[1] + 1e-9


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"sdd_mm": (1000, 900)}, "low <= high"),
        ({"sdd_mm": (100, 900)}, "shortest"),
        ({"weight": -1}, "weight"),
        ({"roll_deg": (3,)}, "roll_deg"),
        ({"field_mm": (400, 300)}, "low <= high"),
        ({"field_mm": (0, 300)}, "positive"),
    ],
)
def test_impossible_rooms_are_refused(arguments, said):
    settings = {"source_side": "anterior", "sdd_mm": (1000, 1100), "isocenter_detector_mm": (100, 200), **arguments}
    with pytest.raises(ValueError, match=said):
        StandRanges(**settings)
    with pytest.raises(ValueError, match="no kind"):
        MixedViews({"pa": None})
