"""Poses from landmarks: exact without noise, whatever a fifth of them says."""

from dataclasses import replace

import numpy as np
import pytest

from synthex.core import Rigid, UserError
from synthex.geometry import CArm, View
from synthex.registration import pose_error, poses_from_landmarks

POINTS = np.random.default_rng(3).uniform((-110, -60, -80), (110, 60, 80), (14, 3))


def camera(lao: float = 20, cranial: float = -10, side: str = "posterior"):
    arm = CArm(256, 256, 300 / 256, 1020, 700, side)
    return arm.camera(View(np.array((3.0, -5.0, 8.0)), lao, cranial, 7.0, 700.0))


def unknown(true):
    return replace(true, camera_from_world=Rigid.from_parts(np.eye(3), (0, 0, 500)))


@pytest.mark.parametrize("side", ["anterior", "posterior"])
def test_exact_landmarks_give_the_pose_whatever_a_fifth_says(side):
    true = camera(side=side)
    k = true.intrinsics + np.array(((0, 0, 9.0), (0, 0, -5.0), (0, 0, 0)))
    true = replace(true, intrinsics=k)
    pixels = true.project(POINTS)
    pixels[[2, 7, 11]] = (10, 20), (200, 30), (128, 250)
    found = poses_from_landmarks(POINTS, pixels, unknown(true))
    error = pose_error(found[0].camera, true, POINTS)
    assert error.mtre_mm < 0.5
    assert found[0].inliers.sum() == 11
    assert not found[0].inliers[[2, 7, 11]].any()


def test_confidence_decides_between_two_bodies():
    true, other = camera(20, 0), camera(-35, 10)
    pixels = np.where(np.arange(14)[:, None] < 8, other.project(POINTS), true.project(POINTS))
    confidence = np.where(np.arange(14) < 8, 0.05, 1.0)
    found = poses_from_landmarks(POINTS, pixels, unknown(true), confidence=confidence)
    assert pose_error(found[0].camera, true, POINTS).mtre_mm < 5


def test_too_few_landmarks_are_refused():
    true = camera()
    pixels = true.project(POINTS)
    pixels[3:] = np.nan
    with pytest.raises(UserError, match=r"^3 landmarks"):
        poses_from_landmarks(POINTS, pixels, unknown(true))


def test_noise_of_eight_millimetres_leaves_a_start_near_the_truth():
    errors = []
    for seed in range(4):
        true, rng = camera(20 * seed - 30, 6 * seed - 10), np.random.default_rng(seed)
        pixels = true.project(POINTS) + rng.normal(0, 8 * 1020 / 700 / true.pixel_mm, (14, 2))
        pixels[rng.permutation(14)[:3]] = rng.uniform(0, 256, (3, 2))
        found = poses_from_landmarks(POINTS, pixels, unknown(true))
        errors.append(min(pose_error(one.camera, true, POINTS).mtre_mm for one in found))
    assert np.median(errors) < 40
