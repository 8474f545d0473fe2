"""Chords with closed forms (brute-force checked to 1e-4 mm when the table was made)."""

import numpy as np
import pytest

from synthex.core import Affine, Camera, Rigid, Volume
from synthex.projection import project

# Source at the origin, SDD 1000, centre at depth 500: detector offset (u, v) to chord in mm.
CHORDS = {
    "sphere": {(0, 0): 100.0, (50, 0): 86.63853, (60, 30): 74.29777, (90, 0): 44.32925},
    "ellipsoid": {(0, 0): 60.0, (50, 0): 54.59822, (60, 30): 46.93089, (90, 0): 39.85807},
    "box": {(0, 0): 60.0, (50, 0): 60.07495, (60, 30): 60.13485, (90, 0): 60.24251},
    "cylinder": {(0, 0): 60.0, (50, 0): 60.07495, (60, 30): 52.06269, (90, 0): 60.24251},
}


@pytest.mark.parametrize("solid", CHORDS)
def test_chords_converge_to_closed_form(solids, solid):
    errors = []
    for h in (4.0, 2.0, 1.0):
        volume = getattr(solids, solid)(h)
        got = [project(volume, None, (), solids.ray_camera(*at)).water_path_mm[0, 0] for at in CHORDS[solid]]
        errors.append(float(np.abs(np.array(got) - np.array(list(CHORDS[solid].values()))).max()))
    assert errors[-1] < 0.1
    assert errors[-1] < 0.5 * errors[0] or errors[0] < 1e-3


@pytest.mark.parametrize(("at", "chord"), [((0, 0), 69.28203), ((50, 0), 67.42227)])
def test_box_turned_30_degrees(solids, at, chord):
    angle = np.deg2rad(30)
    turn = np.array(((np.cos(angle), 0, np.sin(angle)), (0, 1, 0), (-np.sin(angle), 0, np.cos(angle))))
    about_center = Affine.from_parts(turn, solids.center - turn @ solids.center)
    upright = solids.box(1.0)
    volume = Volume(upright.data, about_center @ upright.world_from_ijk)
    got = project(volume, None, (), solids.ray_camera(*at)).water_path_mm[0, 0]
    assert got == pytest.approx(chord, abs=0.05)


def test_sphere_shadow_is_not_just_magnified(solids):
    # Radius of the shadow: SDD * tan(asin(R / SOD)) = 100.50378 mm. At 99 mm the ray passes the centre at
    # 500 sin(atan(0.099)) = 49.2592 mm, not at 49.5: a chord of 17.149 mm instead of 14.107.
    volume = solids.sphere(0.5)
    assert project(volume, None, (), solids.ray_camera(99.0, 0)).water_path_mm[0, 0] == pytest.approx(17.149, abs=0.5)
    # Half a voxel of partial volume and one of interpolation beyond the rim there is nothing.
    assert project(volume, None, (), solids.ray_camera(102.6, 0)).water_path_mm[0, 0] == 0


def test_one_hot_voxel_lands_where_the_camera_projects_it():
    # Mass centre of a voxel's shadow against Camera.project: a half-pixel slip would show as 0.5.
    data = np.full((9, 9, 9), -1000, dtype=np.int16)
    data[6, 2, 4] = 1000
    affine = Affine.from_parts(np.diag((4.0, 4.0, 4.0)), (-16, -16, 484))
    camera = Camera(np.array(((1000, 0, 60), (0, 1000, 50), (0, 0, 1.0))), Rigid.identity(), 100, 120, 1.0)
    image = project(Volume(data, affine), None, (), camera).water_path_mm.astype(float)
    rows, columns = np.mgrid[:100, :120] + 0.5
    center = (image * columns).sum() / image.sum(), (image * rows).sum() / image.sum()
    expected = camera.project(affine.apply(np.array(((6.0, 2.0, 4.0),))))[0]
    np.testing.assert_allclose(center, expected, atol=0.02)


def test_source_inside_sees_only_what_is_ahead():
    water = Volume(np.zeros((21, 21, 201), dtype=np.int16), Affine.from_parts(np.eye(3), (-10, -10, -100.25)))
    camera = Camera(np.array(((1000, 0, 0.5), (0, 1000, 0.5), (0, 0, 1.0))), Rigid.identity(), 1, 1, 1.0)
    # Planes at -100.25 + n; those ahead of the source are 0.75 .. 99.75.
    assert project(water, None, (), camera).water_path_mm[0, 0] == pytest.approx(100.0, rel=1e-6)


def test_rays_end_at_the_detector():
    water = Volume(np.zeros((21, 21, 200), dtype=np.int16), Affine.from_parts(np.eye(3), (-10, -10, 900.5)))
    camera = Camera(np.array(((1000, 0, 0.5), (0, 1000, 0.5), (0, 0, 1.0))), Rigid.identity(), 1, 1, 1.0)
    assert project(water, None, (), camera).water_path_mm[0, 0] == pytest.approx(100.0, rel=1e-6)


def test_rays_that_miss_are_exactly_zero(solids):
    camera = solids.ray_camera(400.0, 0.0)
    volume = solids.box(4.0)
    labels = Volume(np.ones(volume.shape, dtype=np.uint8), volume.world_from_ijk)
    result = project(volume, labels, (1,), camera)
    assert result.water_path_mm[0, 0] == 0
    assert result.label_path_mm[0, 0, 0] == 0
    behind = Volume(volume.data, Affine.from_parts(np.eye(3), (0, 0, -1000)) @ volume.world_from_ijk)
    assert project(behind, None, (), solids.ray_camera(0.0, 0.0)).water_path_mm[0, 0] == 0


def test_air_outside_the_scanner_circle_is_air(solids):
    volume = solids.box(4.0)
    padded = Volume(np.where(volume.data == -1000, -2048, volume.data).astype(np.int16), volume.world_from_ijk)
    camera = solids.ray_camera(50.0, 0.0)
    assert project(padded, None, (), camera).water_path_mm == project(volume, None, (), camera).water_path_mm
