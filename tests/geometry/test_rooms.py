import json
from dataclasses import replace

import numpy as np
import pytest

from synthex.core import ConfigError, derive_rng
from synthex.geometry import CArm, MixedViews, StandRanges, View, ViewRanges

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
        ({"source_isocenter_mm": (500, 600)}, "give one of"),
        ({"isocenter_detector_mm": None}, "give one of"),
        ({"aim": {"hip_left": 0}}, "above 0"),
    ],
)
def test_impossible_rooms_are_refused(arguments, said):
    settings = {"source_side": "anterior", "sdd_mm": (1000, 1100), "isocenter_detector_mm": (100, 200), **arguments}
    with pytest.raises(ValueError, match=said):
        StandRanges(**settings)
    with pytest.raises(ValueError, match="no kind"):
        MixedViews({"pa": None})


def test_a_c_arm_fixes_the_distance_from_its_source_and_has_its_tube_on_either_side():
    kind = StandRanges("either", (1000, 1100), source_isocenter_mm=(500, 700), roll_deg=(5, 5))
    views = [kind.sample(derive_rng(index), np.zeros(3)) for index in range(400)]
    assert all(500 <= view.source_isocenter_mm <= 700 for view in views)
    behind = sum(view.source_side == "posterior" for view in views)
    assert behind == pytest.approx(200, abs=4 * 10)
    for view in views[:20]:  # the display does not tell the side
        camera = ROOM.camera(view)
        (right, head) = camera.project(np.array(((50.0, 0, 0), (0, 0, 50.0)))) - 32
        assert right[0] < 0 > head[1]


def test_a_mirrored_kind_shows_both_sides_of_the_patient_alike():
    kind = StandRanges(
        "anterior",
        (1000, 1100),
        (100, 200),
        lao_rao_deg=(30, 40),
        roll_deg=(5, 8),
        isocenter_jitter_mm=((10, 20), (0, 0), (30, 40)),
        aim="hip_right",
        mirrored=True,
    )
    hips = {"hip_left": np.array((-90.0, 0, 0)), "hip_right": np.array((90.0, 0, 0))}
    views = [kind.sample(derive_rng(index), np.zeros(3), hips) for index in range(200)]
    left = [view for view in views if view.isocenter_world[0] < 0]
    assert len(left) == pytest.approx(100, abs=4 * np.sqrt(50))
    for view in views:
        sign = -1 if view.isocenter_world[0] < 0 else 1
        assert 30 <= sign * view.lao_rao_deg <= 40
        assert 5 <= sign * view.roll_deg <= 8
        assert 100 <= sign * view.isocenter_world[0] <= 110
        assert 30 <= view.isocenter_world[2] <= 40


def test_aims_are_drawn_by_weight_and_must_be_there():
    kind = StandRanges("anterior", (1000, 1100), (100, 200), aim={"tip": 3, "base": 1})
    points = {"tip": np.ones(3), "base": np.zeros(3)}
    at_tip = sum(kind.sample(derive_rng(index), np.zeros(3), points).isocenter_world[0] for index in range(400))
    assert at_tip == pytest.approx(300, abs=4 * np.sqrt(75))
    with pytest.raises(ConfigError, match=r"aimed at 'tip'.*have hip_left"):
        kind.sample(derive_rng(0), np.zeros(3), {"hip_left": np.zeros(3)})


def test_what_a_kind_may_do_beyond_its_ranges_changes_no_draw():
    """Ranges of earlier versions give the views they gave."""
    ranges = {"lao_rao_deg": (-5, 5), "isocenter_jitter_mm": ((-20, 20), (0, 0), (-9, 9))}
    view = StandRanges("posterior", (1800, 1830), (120, 180), **ranges).sample(derive_rng(3), np.ones(3))
    rng = derive_rng(3)
    pose = ViewRanges(**ranges).sample(rng, np.ones(3))
    sdd, behind = rng.uniform(1800, 1830), rng.uniform(120, 180)
    expected = replace(pose, source_isocenter_mm=sdd - behind, sdd_mm=sdd, source_side="posterior")
    assert view.to_record() == expected.to_record()


def test_round_fields_come_in_their_share_and_hide_what_lies_outside():
    kind = StandRanges("anterior", (1000, 1100), (100, 200), opening=(0.9, 1.1), opening_share=0.25)
    views = [kind.sample(derive_rng(index), np.zeros(3)) for index in range(400)]
    rounded = [view for view in views if view.opening is not None]
    assert len(rounded) == pytest.approx(100, abs=4 * np.sqrt(75))
    view = rounded[0]
    assert View.from_record(json.loads(json.dumps(view.to_record()))).opening == view.opening
    camera = ROOM.camera(replace(view, opening=1.0))
    assert camera.opening_mm == pytest.approx(64 * 6.7)
    points = np.array(((32.0, 32.0), (1.0, 1.0), (0.5, 32.0), (np.nan, 0)))
    assert camera.contains(points).tolist() == [True, False, True, False]
    opened = camera.open_pixels()
    assert opened.mean() == pytest.approx(np.pi / 4, abs=0.01)
    half = camera.resized(32, 32)
    assert half.open_pixels().mean() == pytest.approx(np.pi / 4, abs=0.02)
    assert ROOM.camera(replace(view, opening=1.5)).open_pixels() is None
    assert type(camera).from_record(camera.to_record()).opening_mm == camera.opening_mm
