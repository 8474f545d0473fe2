"""View conventions, tested with projected points: RAS world, radiological display."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

from synthex.geometry import CArm, View, intrinsics_for, look_at

CONF = Path(__file__).parents[2] / "conf"
ISO = np.array((12.0, -34.0, 56.0))
RIGHT, ANTERIOR, SUPERIOR = np.eye(3)
LENGTH = 10 * 1020 / 530 / 0.194  # 10 mm at the isocentre, in pixels
SIDES = ("anterior", "posterior")


def shift(carm: CArm, view: View, offset: np.ndarray) -> np.ndarray:
    """Where a point 10 mm off the isocentre lands, relative to the image centre, in pixels."""
    camera = carm.camera(view)
    return camera.project((ISO + 10 * offset)[None])[0] - (camera.width / 2, camera.height / 2)


def anterior_end(view: View) -> np.ndarray:
    """Unit vector from the isocentre to the anterior end of the beam axis, where this source is."""
    away = CArm().camera(view).source_world - view.isocenter_world
    return away / np.linalg.norm(away)


def test_defaults_are_the_cios_spin():
    carm = CArm()
    assert (carm.rows, carm.columns, carm.pixel_mm, carm.sdd_mm) == (1536, 1536, 0.194, 1020)
    camera = carm.camera(carm.view(ISO))
    assert camera.intrinsics[0, 0] == pytest.approx(5257.732, abs=1e-3)
    np.testing.assert_allclose(camera.intrinsics[:2, 2], (768, 768))


def test_binning_keeps_the_field_in_mm():
    small = CArm().binned(384)
    assert (small.rows, small.columns) == (384, 384)
    assert small.pixel_mm == pytest.approx(0.776)
    view = View(ISO, 20, -10, 5)
    np.testing.assert_allclose(shift(small, view, RIGHT) * 4, shift(CArm(), view, RIGHT))
    assert CArm(rows=200, columns=100).binned(50).rows == 100
    with pytest.raises(ValueError, match="square"):
        CArm(rows=101, columns=100).binned(50)


def test_the_studys_cropped_detector_has_its_pixel_pitch():
    """The study's tool images: 50 px cut from every border of 1536, 480 columns, 0.5804 mm a pixel."""
    settings = yaml.safe_load((CONF / "carm" / "cios_spin_cropped.yaml").read_text())
    assert settings.pop("_target_") == "synthex.geometry.CArm"
    carm, whole = CArm(**settings), CArm()
    assert (carm.rows, carm.columns) == (whole.rows - 2 * 50, whole.columns - 2 * 50)
    assert replace(carm, rows=whole.rows, columns=whole.columns) == whole
    read = carm.binned(480)
    assert (read.rows, read.columns) == (480, 480)
    assert round(read.pixel_mm, 4) == 0.5804
    assert read.columns * read.pixel_mm == pytest.approx(278.6, abs=0.05)


@pytest.mark.parametrize("side", SIDES)
def test_frontal_view_is_head_up_with_the_right_on_the_left(side):
    carm = CArm(source_side=side)
    column, row = shift(carm, View(ISO), RIGHT)
    assert column == pytest.approx(-LENGTH)
    assert row == pytest.approx(0)
    column, row = shift(carm, View(ISO), SUPERIOR)
    assert column == pytest.approx(0)
    assert row == pytest.approx(-LENGTH)


@pytest.mark.parametrize(("side", "sign"), [("anterior", 1), ("posterior", -1)])
def test_source_is_on_its_side_at_its_distance(side, sign):
    carm = CArm(source_side=side)
    camera = carm.camera(carm.view(ISO))
    np.testing.assert_allclose(camera.source_world, ISO + sign * 530 * ANTERIOR, atol=1e-9)
    assert camera.sdd_mm == pytest.approx(1020)
    assert camera.magnification(ISO) == pytest.approx(1020 / 530)
    assert carm.magnification(carm.view(ISO)) == pytest.approx(1020 / 530)


def test_lao_swings_the_anterior_end_to_the_left():
    half = np.sqrt(0.5)
    np.testing.assert_allclose(anterior_end(View(ISO, lao_rao_deg=45)), (-half, half, 0), atol=1e-12)
    np.testing.assert_allclose(anterior_end(View(ISO, lao_rao_deg=-45)), (half, half, 0), atol=1e-12)
    np.testing.assert_allclose(anterior_end(View(ISO, lao_rao_deg=90)), (-1, 0, 0), atol=1e-12)


def test_cranial_tilts_the_anterior_end_to_the_head():
    half = np.sqrt(0.5)
    np.testing.assert_allclose(anterior_end(View(ISO, cranial_caudal_deg=45)), (0, half, half), atol=1e-12)
    np.testing.assert_allclose(anterior_end(View(ISO, cranial_caudal_deg=-45)), (0, half, -half), atol=1e-12)
    # After LAO 90 the tilt is about the turned axis: towards the head still.
    np.testing.assert_allclose(anterior_end(View(ISO, 90, 45)), (-half, 0, half), atol=1e-12)


@pytest.mark.parametrize("side", SIDES)
def test_oblique_views_move_near_points_as_seen_from_either_side(side):
    # Under LAO a point in front of the isocentre is shown displaced to the patient's right (image left),
    # because the beam runs from front-left to back-right whichever end carries the source.
    assert shift(CArm(source_side=side), View(ISO, lao_rao_deg=30), ANTERIOR)[0] < -0.4 * LENGTH
    assert shift(CArm(source_side=side), View(ISO, cranial_caudal_deg=30), ANTERIOR)[1] > 0.4 * LENGTH


@pytest.mark.parametrize("side", SIDES)
def test_positive_roll_turns_the_picture_clockwise(side):
    carm = CArm(source_side=side)
    upright = shift(carm, View(ISO), SUPERIOR)
    rolled = shift(carm, View(ISO, roll_deg=90), SUPERIOR)
    np.testing.assert_allclose(rolled, (-upright[1], 0), atol=1e-9)  # from the top to the right
    assert rolled[0] > 0


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("angles", [(0, 0, 0), (35, -20, 15), (-90, 10, -120)])
def test_the_isocentre_is_in_the_middle_of_every_view(side, angles):
    assert np.abs(shift(CArm(source_side=side), View(ISO, *angles), np.zeros(3))).max() < 1e-9


def test_frontal_camera_is_what_look_at_gives():
    camera = CArm().camera(View(ISO))
    pose = look_at(ISO + 530 * ANTERIOR, ISO, SUPERIOR)
    np.testing.assert_allclose(pose.matrix, camera.camera_from_world.matrix, atol=1e-9)
    np.testing.assert_allclose(intrinsics_for(1020, 0.194, 1536, 1536), camera.intrinsics)


def test_look_at_needs_a_direction():
    with pytest.raises(ValueError, match="look_at"):
        look_at(ISO, ISO, SUPERIOR)
    with pytest.raises(ValueError, match="look_at"):
        look_at(ISO, ISO + SUPERIOR, SUPERIOR)


@pytest.mark.parametrize(
    ("change", "message"),
    [({"rows": 0}, "detector"), ({"source_isocenter_mm": 1020.0}, "isocentre"), ({"source_side": "left"}, "side")],
)
def test_impossible_arms_are_refused(change, message):
    with pytest.raises(Exception, match=message):
        CArm(**change)


def test_isocentre_behind_the_detector_is_refused():
    with pytest.raises(ValueError, match="behind the detector"):
        CArm().camera(View(ISO, source_isocenter_mm=1100))
