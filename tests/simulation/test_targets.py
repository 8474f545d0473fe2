import numpy as np
import pytest

from synthex.core import derive_rng
from synthex.geometry import CArm, View, ViewRanges
from synthex.simulation import Naive, project_landmarks, visible_masks

CAMERA = CArm().binned(64).camera(View(np.zeros(3)))


def test_masks_need_more_than_the_least_path():
    path = np.array([[[0.0, 1.0, 3.0]]], dtype=np.float32)
    np.testing.assert_array_equal(visible_masks(path), [[[False, True, True]]])
    np.testing.assert_array_equal(visible_masks(path, 2.0), [[[False, False, True]]])
    with pytest.raises(ValueError, match="min_path_mm"):
        visible_masks(path, -1.0)


def test_landmarks_are_visible_absent_or_unknown(scene):
    names = ("gone", "cube", "far", "behind", "never heard of")
    landmarks, visible, annotated = project_landmarks(scene.anatomy, names, CAMERA)
    np.testing.assert_array_equal(visible, (False, True, False, False, False))
    np.testing.assert_array_equal(annotated, (True, True, True, True, False))
    assert np.isnan(landmarks[~visible]).all()
    np.testing.assert_allclose(landmarks[1], CAMERA.project(np.array(((-30.0, 0.0, 30.0),)))[0])


def test_no_names_and_no_known_names(scene):
    landmarks, visible, annotated = project_landmarks(scene.anatomy, (), CAMERA)
    assert (landmarks.shape, visible.shape, annotated.shape) == ((0, 2), (0,), (0,))
    landmarks, visible, _ = project_landmarks(scene.anatomy, ("x",), CAMERA)
    assert np.isnan(landmarks).all()
    assert not visible.any()


def test_landmark_lies_in_its_mask(scene):
    ranges = ViewRanges(lao_rao_deg=(-90, 90), cranial_caudal_deg=(-40, 40), roll_deg=(-180, 180))
    for index in range(10):
        camera = CArm().binned(64).camera(ranges.sample(derive_rng(index), np.zeros(3)))
        mask = visible_masks(Naive()(scene, camera, (3,), derive_rng(0)).label_path_mm)[0]
        (column, row), *_ = project_landmarks(scene.anatomy, ("cube",), camera)[0]
        assert mask[int(row), int(column)]
