"""Local bumps of a deformation, and femurs turned about their heads."""

import numpy as np
import pytest

from synthex.anatomy.deformation import (
    Deformation,
    ShapeVariation,
    ThighPose,
    pose_femurs,
    sample_deformation,
    sample_poses,
)
from synthex.core import Affine, Anatomy, ConfigError, Volume, derive_rng

IDS = {"hip_left": 1, "hip_right": 2, "femur_left": 5, "femur_right": 6}
CENTRE = np.array((40.0, 0.0, 20.0))


@pytest.fixture(scope="module")
def body():
    """A right femur (ball, shaft going down) in a half shell of hip bone, in muscle; 2 mm voxels."""
    low, shape = np.array((-50.0, -60.0, -70.0)), (60, 60, 60)
    world = Affine.from_parts(np.eye(3) * 2.0, low)
    points = world.apply(np.indices(shape).reshape(3, -1).T.astype(float))
    away = points - CENTRE
    distance = np.linalg.norm(away, axis=1)
    labels = np.zeros(len(points), dtype=np.uint8)
    labels[(np.hypot(away[:, 0], away[:, 1]) < 8) & (away[:, 2] < 0)] = 6
    labels[distance < 15] = 6
    labels[(distance > 18) & (distance < 24) & (away[:, 2] > 4)] = 2
    hu = np.where(labels > 0, 400, 50).astype(np.int16).reshape(shape)
    return Anatomy("body", Volume(hu, world), Volume(labels.reshape(shape), world), IDS, {"FH-r": CENTRE})


def share_inside(anatomy, direction):
    """Share of points on a line from the head's centre that are femur."""
    points = CENTRE + np.arange(4.0, 50.0, 2.0)[:, None] * np.asarray(direction)
    ijk = np.rint(anatomy.labels.world_from_ijk.inverse().apply(points)).astype(int)
    inside = ((ijk >= 0) & (ijk < anatomy.labels.shape)).all(axis=1)
    return float(np.mean(anatomy.labels.data[tuple(ijk[inside].T)] == 6))


@pytest.mark.parametrize(
    ("pose", "direction"),
    [
        (ThighPose(flexion=60), (0, np.sin(np.pi / 3), -np.cos(np.pi / 3))),
        (ThighPose(flexion=-20), (0, -np.sin(np.pi / 9), -np.cos(np.pi / 9))),
        (ThighPose(abduction=-25), (-np.sin(np.pi / 7.2), 0, -np.cos(np.pi / 7.2))),
    ],
)
def test_the_shaft_points_where_the_pose_says_and_the_pelvis_stays(body, pose, direction):
    assert share_inside(body, (0, 0, -1)) == 1
    posed = pose_femurs(body, {"right": pose})
    assert share_inside(posed, direction) == 1
    np.testing.assert_array_equal(posed.labels.data == 2, body.labels.data == 2)
    bone = posed.labels.data > 0
    assert (posed.ct.data[bone] > 300).mean() > 0.85  # the femur's rim is linear between voxels
    assert (posed.ct.data[~bone] > 200).mean() < 0.01  # no copy of it is left behind
    np.testing.assert_array_equal(posed.landmarks["FH-r"], CENTRE)


def test_outwards_is_away_from_the_midline_on_both_sides():
    down = np.array((0.0, 0.0, -1.0))
    assert (ThighPose(abduction=20).matrix("right") @ down)[0] > 0.3
    assert (ThighPose(abduction=20).matrix("left") @ down)[0] < -0.3
    front = np.array((0.0, 1.0, 0.0))  # the foot's direction
    assert (ThighPose(rotation=20).matrix("right") @ front)[0] > 0.3
    assert (ThighPose(rotation=20).matrix("left") @ front)[0] < -0.3
    assert (ThighPose(flexion=20).matrix("left") @ down)[1] > 0.3


def test_nothing_is_posed_by_default_or_without_a_head(body):
    assert pose_femurs(body, sample_poses(derive_rng(0), ShapeVariation())) is body
    assert pose_femurs(body, {"left": ThighPose(flexion=30)}) is body


def test_poses_lie_in_their_ranges_and_are_often_alike():
    settings = ShapeVariation(femur_rotation_degrees=(-15, 30), femur_flexion_degrees=(0, 20))
    poses = [sample_poses(derive_rng(seed), settings) for seed in range(60)]
    assert all(-15 <= p.rotation <= 30 and 0 <= p.flexion <= 20 and p.abduction == 0 for q in poses for p in q.values())
    assert 15 < sum(q["left"] == q["right"] for q in poses) < 45


@pytest.mark.parametrize(
    "settings",
    [{"local_mm": 20}, {"local_reach_mm": 1}, {"femur_flexion_degrees": (0, 120)}, {"femur_rotation_degrees": (5, -5)}],
)
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(ConfigError):
        ShapeVariation(**settings)


def test_a_bump_moves_its_centre_by_its_offset_and_is_inverted_exactly():
    nothing = np.zeros((0, 3))
    centre = np.array([[10.0, -5.0, 3.0]])
    bump = Deformation(Affine.identity(), nothing, nothing, np.zeros(0), centre, np.array([[2.0, 3.0, -4.0]]), 20.0)
    np.testing.assert_allclose(bump.inverse(centre), centre + np.array((2, 3, -4)))
    points = derive_rng("bump").uniform(-60, 60, (50, 3))
    np.testing.assert_allclose(bump.apply(bump.inverse(points)), points, atol=1e-5)
    step = 1e-4
    numeric = np.stack(
        [(bump.inverse(points + d) - bump.inverse(points - d)) / (2 * step) for d in step * np.eye(3)], 2
    )
    np.testing.assert_allclose(bump.inverse_jacobian(points), numeric, atol=1e-7)
    moved = bump.shifted(np.array((5.0, 0.0, 0.0)))
    np.testing.assert_allclose(moved.inverse(points + np.array((5, 0, 0))), bump.inverse(points))


def test_local_variation_moves_places_differently_and_leaves_other_draws_alone():
    bounds, places = np.array([[-100.0] * 3, [100.0] * 3]), np.array([[50.0, 0, 0], [-50.0, 0, 0]])
    still = {"scale_range": (1, 1), "anisotropy": 0, "shear_degrees": 0, "rotation_degrees": 0, "displacement_mm": 0}
    local = sample_deformation(derive_rng(1), ShapeVariation(**still, local_mm=4), bounds, places)
    shift = local.apply(places) - places
    assert np.linalg.norm(shift[0] - shift[1]) > 1
    plain = sample_deformation(derive_rng(1), ShapeVariation(), bounds)
    same = sample_deformation(derive_rng(1), ShapeVariation(), bounds, places)
    np.testing.assert_array_equal(plain.amplitudes, same.amplitudes)
    assert not len(same.centres)
