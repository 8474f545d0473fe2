"""Closed forms: spheres, extrema and mirror planes whose answer is known."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from synthex.anatomy.hip_landmarks.bone_surface import extract_surface
from synthex.anatomy.hip_landmarks.extremum import extreme_point
from synthex.anatomy.hip_landmarks.femoral_head import fit_head, fit_sphere
from synthex.anatomy.hip_landmarks.foramen import find_foramen_points
from synthex.anatomy.hip_landmarks.pelvic_frame import NEUTRAL_TILT_DEG, find_frame
from synthex.anatomy.hip_landmarks.result import NotFoundError
from synthex.core import Affine, Volume, derive_rng


def solid(inside, spacing_mm, half=60.0):
    """Surface of ``inside(points) -> bool`` voxelised over a cube around the origin, off-centre grid."""
    count = int(2 * half / spacing_mm)
    world_from_ijk = Affine.from_parts(np.eye(3) * spacing_mm, np.full(3, -half + 0.31 * spacing_mm))
    points = world_from_ijk.apply(np.indices((count,) * 3).reshape(3, -1).T.astype(float))
    labels = Volume(inside(points).reshape((count,) * 3).astype(np.uint8), world_from_ijk)
    surface = extract_surface(labels, 1, (slice(0, count),) * 3)
    assert surface is not None
    return surface


def test_sphere_fit_is_exact_on_exact_points():
    rng = derive_rng("sphere")
    directions = rng.normal(size=(50, 3))
    points = np.array((100.0, -250.0, 30.0)) + 23.5 * directions / np.linalg.norm(directions, axis=1, keepdims=True)
    center, radius = fit_sphere(points)
    np.testing.assert_allclose(center, (100, -250, 30), atol=1e-8)
    assert radius == pytest.approx(23.5, abs=1e-8)


@pytest.mark.parametrize("spacing_mm", [1.0, 3.0])
def test_head_with_neck_and_shaft(spacing_mm):
    def inside(p):
        t = np.clip((p - (0, 0, 20)) @ np.array((0.6, 0.0, -0.8)), 0, 60)
        neck = np.linalg.norm(p - (0, 0, 20) - t[:, None] * (0.6, 0.0, -0.8), axis=1) < 13
        shaft = (np.hypot(p[:, 0] - 38, p[:, 1]) < 14) & (p[:, 2] < -20)
        return (np.linalg.norm(p - (0, 0, 20), axis=1) < 23) | neck | shaft

    head = fit_head(solid(inside, spacing_mm), None, derive_rng(0))
    assert np.linalg.norm(head.center - (0, 0, 20)) < 0.15 * spacing_mm
    assert head.radius == pytest.approx(23, abs=0.15 * spacing_mm)


@pytest.mark.parametrize("spacing_mm", [1.0, 2.0, 3.0])
def test_extreme_point_of_an_ellipsoid(spacing_mm):
    axes, direction = np.array((12.0, 16.0, 20.0)), np.array((0.3, 0.8, -0.5))
    surface = solid(lambda p: ((p / axes) ** 2).sum(axis=1) < 1, spacing_mm)
    expected = axes**2 * direction / np.linalg.norm(axes * direction)
    position, clarity = extreme_point(surface.points, direction, spacing_mm)
    assert np.linalg.norm(position - expected) < 0.3 + 0.6 * spacing_mm
    assert 0 < clarity <= 1
    flat = solid(lambda p: (np.abs(p) < (30, 10, 30)).all(axis=1), spacing_mm)
    assert extreme_point(flat.points, np.array((0.0, 1.0, 0.0)), spacing_mm)[1] < clarity


@pytest.mark.parametrize("spacing_mm", [1.0, 3.0])
def test_hole_of_a_turned_plate(spacing_mm):
    """An elliptical hole in a thick plate: the rim's lowest and most medial points are known."""
    turn = Rotation.from_euler("zx", (-25, 10), degrees=True)
    middle, radii = np.array((35.0, 0.0, -38.0)), np.array((13.0, 18.0))

    def inside(p):
        u, w, v = turn.inv().apply(p - middle).T
        outer = ((u / (radii[0] + 9)) ** 2 + (v / (radii[1] + 9)) ** 2) < 1
        hole = ((u / radii[0]) ** 2 + (v / radii[1]) ** 2) < 1
        return outer & ~hole & (np.abs(w) < 3)

    surface = solid(inside, spacing_mm, half=75.0)
    lowest, medial = find_foramen_points(surface, np.array((80.0, 0.0, 0.0)))
    angle = np.linspace(0, 2 * np.pi, 721)
    rim = middle + turn.apply(np.stack((radii[0] * np.cos(angle), 0 * angle, radii[1] * np.sin(angle)), axis=1))
    # Through the plate's thickness the rim is a wall, so only its height and its lateral place are sharp.
    assert lowest.position[2] == pytest.approx(rim[:, 2].min(), abs=1.0 + 0.3 * spacing_mm)
    assert medial.position[0] == pytest.approx(rim[:, 0].min(), abs=1.5 + 0.3 * spacing_mm)
    with pytest.raises(NotFoundError):
        find_foramen_points(solid(lambda p: inside(p) & (p[:, 2] > -45), spacing_mm, 75.0), np.array((80.0, 0.0, 0.0)))


def test_frame_of_a_mirrored_body():
    """Two blobs an iliac spine and a pubis each: axis, midplane and lean come back."""
    turn = Rotation.from_euler("xyz", (-9, 8, 14), degrees=True)
    lean = np.radians(NEUTRAL_TILT_DEG)
    spine = np.array((75.0, 40 + 80 * np.tan(lean), 80.0))

    def half(sign):
        def inside(p):
            q = turn.inv().apply(p) * (sign, 1, 1)
            bar = np.linalg.norm(
                q - np.clip(((q - (30, 0, 0)) @ (0.6, 0, 0.8))[:, None], 0, 70) * (0.6, 0, 0.8), axis=1
            )
            ball = np.linalg.norm(q - spine, axis=1)
            return (
                (ball < 8)
                | (np.linalg.norm(q - (20, 40, 0), axis=1) < 8)
                | ((bar < 12) & (q[:, 0] > 12) & (q[:, 1] < 20))
            )

        return solid(inside, 2.0, half=130.0)

    frame = find_frame(half(-1), half(1), None)
    axes = frame.frame_from_world.linear @ turn.as_matrix()
    assert frame.mirrored
    assert frame.reliability == 1.0
    assert np.degrees(np.arccos(np.clip((np.trace(axes) - 1) / 2, -1, 1))) < 1.0
    assert abs(frame.frame_from_world.translation[0]) < 0.5
