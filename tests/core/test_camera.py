import json
from dataclasses import replace

import numpy as np
import pytest

from synthex.core import Camera, Rigid


@pytest.fixture
def cios() -> Camera:
    """Source at the origin looking along +z: 1536 x 1536 of 0.194 mm, SDD 1020 mm."""
    focal = 1020 / 0.194
    return Camera(np.array(((focal, 0, 768), (0, focal, 768), (0, 0, 1.0))), Rigid.identity(), 1536, 1536, 0.194)


def test_projection_of_a_known_point(cios):
    got = cios.project(np.array(((10.0, -20.0, 500.0),)))
    np.testing.assert_allclose(got, ((873.15464, 557.69072),), atol=1e-5)


def test_pixel_centres_are_at_half(cios):
    # The ray through the centre of pixel (row 0, column 0) passes (0.5, 0.5).
    point = 700.0 * cios.world_from_pixel @ np.array((0.5, 0.5, 1.0))
    np.testing.assert_allclose(cios.project(point[None]), ((0.5, 0.5),), atol=1e-9)
    # The central axis hits the corner shared by the four middle pixels of an even detector.
    np.testing.assert_allclose(cios.project(np.array(((0.0, 0.0, 9.0),))), ((768, 768),))


def test_points_behind_the_source_have_no_image(cios):
    points = np.array(((0.0, 0.0, -5.0), (0.0, 0.0, 0.0), (0.0, 0.0, 5.0)))
    got = cios.project(points)
    assert np.isnan(got[:2]).all()
    assert np.isfinite(got[2]).all()
    np.testing.assert_array_equal(cios.contains(got), (False, False, True))


def test_the_image_is_closed_at_its_border(cios):
    at = np.array(((0.0, 0.0), (1536.0, 1536.0), (-0.01, 5.0), (5.0, 1536.01)))
    np.testing.assert_array_equal(cios.contains(at), (True, True, False, False))


def test_magnification_is_sdd_over_depth(cios):
    assert cios.sdd_mm == pytest.approx(1020)
    assert cios.magnification(np.array((30.0, 5.0, 510.0))) == pytest.approx(2)
    left, right = cios.project(np.array(((-5.0, 0.0, 510.0), (5.0, 0.0, 510.0))))
    assert (right - left)[0] * cios.pixel_mm == pytest.approx(20)


def test_resized_keeps_field_and_distance(cios):
    small = cios.resized(384, 384)
    assert small.pixel_mm == pytest.approx(0.776)
    assert small.sdd_mm == pytest.approx(1020)
    points = np.array(((10.0, -20.0, 500.0), (-100.0, 60.0, 700.0)))
    np.testing.assert_allclose(small.project(points) * 4, cios.project(points))
    with pytest.raises(ValueError, match="aspect"):
        cios.resized(384, 383)


def test_mirrored_readout_flips_columns_only(cios):
    flip = np.diag((-1.0, 1.0, 1.0)) @ cios.intrinsics + np.array(((0, 0, 1536.0), (0, 0, 0), (0, 0, 0)))
    mirrored = replace(cios, intrinsics=flip)
    point = np.array(((10.0, -20.0, 500.0),))
    np.testing.assert_allclose(mirrored.project(point), ((1536 - 873.15464, 557.69072),), atol=1e-5)
    assert mirrored.sdd_mm == pytest.approx(1020)


def test_record_round_trip_is_exact(cios):
    again = Camera.from_record(json.loads(json.dumps(cios.to_record())))
    np.testing.assert_array_equal(again.intrinsics, cios.intrinsics)
    np.testing.assert_array_equal(again.camera_from_world.matrix, cios.camera_from_world.matrix)
    assert (again.height, again.width, again.pixel_mm) == (1536, 1536, 0.194)


@pytest.mark.parametrize(
    "change",
    [
        {"intrinsics": np.diag((0.0, 1.0, 1.0))},
        {"intrinsics": np.diag((1.0, -1.0, 1.0))},
        {"intrinsics": np.diag((1.0, 1.0, 2.0))},
        {"height": 0},
        {"pixel_mm": 0.0},
        {"pixel_mm": np.nan},
    ],
)
def test_impossible_cameras_are_refused(cios, change):
    with pytest.raises(ValueError, match=r"intrinsics|detector"):
        replace(cios, **change)
