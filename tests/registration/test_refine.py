"""Refinement on images of a few balls: one view, several, a focal length, bones that moved, tones."""

from dataclasses import replace

import numpy as np
import pytest
from generators.anatomies import make_anatomy

from synthex.core import Camera, ConfigError, Rigid, UserError, Volume
from synthex.geometry import CArm, View
from synthex.projection import project
from synthex.registration import (
    Body,
    FixedImage,
    Refinement,
    pose_error,
    refine,
    register,
    register_by_landmarks,
    register_pair,
    search_starts,
    summary,
)
from synthex.registration.motion import motion, moved

SMALL = Refinement(sizes=(48, 96))
START = np.array((0.04, -0.03, 0.05, 4.0, -3.0, 5.0))


@pytest.fixture(scope="module")
def anatomy():
    return make_anatomy()


@pytest.fixture(scope="module")
def body(anatomy):
    return Body(anatomy.ct)


def shot(anatomy, lao: float, cranial: float = 0.0, noise: float = 0.3) -> FixedImage:
    arm = CArm(96, 96, 300 / 96, 1020, 700, "posterior")
    true = arm.camera(View(anatomy.ct.center_world, lao, cranial, 0.0, 700.0))
    path = project(anatomy.ct, None, (), true).water_path_mm
    # A beam that hardens, and noise.
    image = 0.02 * path * (1 - path / 2500) + np.random.default_rng(int(lao) + 90).normal(0, 0.01 * noise, path.shape)
    return FixedImage(image.astype(np.float32), true)


def points(anatomy) -> np.ndarray:
    return np.array(list(anatomy.landmarks.values()))


# The patches of images feel the tone more than those of gradients.
@pytest.mark.parametrize(("measure", "limit"), [("gradient", 1.5), ("patch", 5.0)])
def test_a_near_pose_is_refined_under_noise_and_another_tone(anatomy, body, measure, limit):
    view = shot(anatomy, 15, 5)
    start = moved(view.camera, motion(START, body.pivots[0]))
    assert pose_error(start, view.camera, points(anatomy)).mtre_mm > 5
    found = refine(body, [replace(view, camera=start)], replace(SMALL, measure=measure))
    error = pose_error(found.cameras[0], view.camera, points(anatomy))
    assert error.mtre_mm < limit
    assert error.in_plane_mm < limit / 10
    assert found.similarity > 0.8


def test_two_views_and_their_focal_lengths(anatomy, body):
    views = [shot(anatomy, -20), shot(anatomy, 40)]
    off = motion(START, body.pivots[0])
    wrong = np.diag((1.05, 1.05, 1.0))
    starts = []
    for view in views:
        k = np.c_[(wrong @ view.camera.intrinsics)[:, :2], view.camera.intrinsics[:, 2]]
        starts.append(replace(view, camera=moved(replace(view.camera, intrinsics=k), off)))
    found = refine(body, starts, replace(SMALL, focal=True))
    for number, view in enumerate(views):
        assert found.cameras[number].intrinsics[1, 1] == pytest.approx(view.camera.intrinsics[1, 1], rel=0.01)
        relation = found.cameras[number].camera_from_world.matrix @ np.linalg.inv(view.camera.camera_from_world.matrix)
        np.testing.assert_allclose(relation[:3, :3], np.eye(3), atol=0.01)
    fixed = refine(body, [replace(view, camera=moved(view.camera, off)) for view in views], SMALL)
    assert pose_error(fixed.cameras[0], views[0].camera, points(anatomy)).mtre_mm < 0.5


def test_a_femur_gets_a_pose_of_its_own(anatomy):
    ids = [anatomy.structures["femur_left"]]
    body = Body(anatomy.ct, anatomy.labels, [ids])
    assert len(body.native) == 2
    whole = sum(np.asarray(part.data, dtype=int) + 1000 for part in body.native)
    np.testing.assert_array_equal(whole, np.asarray(Body(anatomy.ct).native[0].data, dtype=int) + 1000)
    femur = motion(np.array((0.05, -0.08, 0.06, 2.0, -3.0, 2.0)), body.pivots[1])
    view = shot(anatomy, 10)
    paths = [
        project(part, None, (), moved(view.camera, turn)).water_path_mm
        for part, turn in zip(body.native, (Rigid.identity(), femur), strict=True)
    ]
    view = replace(view, image=np.sum(paths, axis=0, dtype=np.float32))
    found = refine(body, [view], SMALL)
    head = anatomy.landmarks["FH-l"][None]
    np.testing.assert_allclose(found.motions[1].apply(head)[0, [0, 2]], femur.apply(head)[0, [0, 2]], atol=1.0)
    assert pose_error(found.cameras[0], view.camera, points(anatomy)).in_plane_mm < 0.3


def test_landmarks_with_noise_and_lies_end_at_the_pose(anatomy, body):
    view, world, rng = shot(anatomy, -25, 8), points(anatomy), np.random.default_rng(5)
    pixels = view.camera.project(world) + rng.normal(0, 8 * 1.46 / view.camera.pixel_mm, (len(world), 2))
    pixels[[1, 9]] = (5, 90), (80, 4)
    found = register_by_landmarks(body, view, world, pixels, settings=SMALL)
    assert pose_error(found.camera, view.camera, world).mtre_mm < 1.5
    assert found.margin > 0


def test_two_views_are_registered_from_landmarks(anatomy, body):
    views, world, rng = [shot(anatomy, -20), shot(anatomy, 30)], points(anatomy), np.random.default_rng(2)
    pixels = [view.camera.project(world) + rng.normal(0, 3, (len(world), 2)) for view in views]
    found = register_pair(body, views, world, pixels, SMALL)
    assert pose_error(found.cameras[0], views[0].camera, world).mtre_mm < 0.5


def test_a_search_finds_a_frontal_view(anatomy, body):
    view = shot(anatomy, 12, 4)
    arm = CArm(sdd_mm=1020, source_isocenter_mm=680, source_side="posterior")
    starts = search_starts(body, view, arm, lao_rao_deg=(-20, 0, 20), cranial_caudal_deg=(0,), keep=2)
    found = register(body, view, starts, SMALL, jitters=0)
    assert pose_error(found.camera, view.camera, points(anatomy)).mtre_mm < 2


def test_what_cannot_be_is_refused(anatomy, body):
    with pytest.raises(ConfigError, match="choose one of patch, gradient"):
        Refinement(measure="mutual")
    with pytest.raises(ConfigError, match="rising numbers"):
        Refinement(sizes=(128, 64))
    with pytest.raises(UserError, match="needs a start"):
        register(body, shot(anatomy, 0), [])


def test_pose_errors_have_closed_forms():
    world = np.random.default_rng(0).normal(0, 50, (9, 3))
    k = np.array(((1000.0, 0, 50), (0, 1000, 50), (0, 0, 1)))
    true = Camera(k, Rigid.from_parts(np.eye(3), (0, 0, 500) - world.mean(axis=0)), 100, 100, 1.0)
    away = replace(true, camera_from_world=Rigid.from_parts(np.eye(3), (3, 4, 512) - world.mean(axis=0)))
    error = pose_error(away, true, world)
    assert error.mtre_mm == pytest.approx(13)
    assert (error.in_plane_mm, error.depth_mm, error.rotation_deg) == pytest.approx((5, 12, 0), abs=1e-5)
    turn = np.deg2rad(2)
    about = np.array(((np.cos(turn), -np.sin(turn), 0), (np.sin(turn), np.cos(turn), 0), (0, 0, 1)))
    turned = replace(true, camera_from_world=Rigid.from_parts(about, (0, 0, 500) - about @ world.mean(axis=0)))
    assert pose_error(turned, true, world).rotation_deg == pytest.approx(2)
    assert not pose_error(turned, true, world).success
    counted = summary([error, None, pose_error(true, true, world)])
    assert counted["without_answer"] == 1
    assert counted["mtre_within_1mm"] == pytest.approx(1 / 3)
    assert counted["median_mtre_mm"] == pytest.approx(13)


def test_the_body_keeps_its_voxels_unless_bone_is_raised():
    data = np.array([-1000, 0, 150, 1150], dtype=np.int16).reshape(2, 2, 1)
    volume = Volume(data, make_anatomy().ct.world_from_ijk)
    assert Body(volume, bone_gain=0).ct is volume
    np.testing.assert_array_equal(Body(volume, bone_gain=0.5).ct.data.ravel(), (-1000, 0, 150, 1650))
