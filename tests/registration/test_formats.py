"""Poses in files: round trips within a hundredth of a pixel, and conventions by reprojection."""

import numpy as np
import pytest
import SimpleITK
from generators.plain_files import write_dicom
from generators.real_archives import write_deepfluoro

from synthex.core import Camera, InputError, Rigid
from synthex.data.real import DeepFluoro
from synthex.geometry import CArm, FixedCameras, View
from synthex.registration import (
    PosedCase,
    camera_without_pose,
    itk_transform,
    pose_of_itk,
    read_acquisition,
    read_poses,
    view_of,
    write_poses,
)
from synthex.registration.poses import CAMERAS_FILE

POINTS = np.random.default_rng(1).normal(0, 60, (12, 3))


@pytest.fixture
def camera() -> Camera:
    arm = CArm(200, 200, 1.5, 1020, 700, "posterior")
    return arm.camera(View(np.array((5.0, 3.0, -2.0)), 25, -12, 8.0, 690.0))


def test_poses_and_cameras_come_back_and_are_replayed(tmp_path, camera):
    write_poses(tmp_path, [PosedCase("a", camera, 0.8, 0.1, "landmarks"), PosedCase("b", None, problem="no landmarks")])
    found = read_poses(tmp_path)
    np.testing.assert_allclose(found["a"].camera.project(POINTS), camera.project(POINTS), atol=1e-9)
    assert (found["b"].camera, found["b"].problem) == (None, "no landmarks")
    views = FixedCameras(file=tmp_path / CAMERAS_FILE)
    shot = views.sample(np.random.default_rng(0), np.zeros(3), case=7)
    np.testing.assert_allclose(shot.taken_by.project(POINTS), camera.project(POINTS), atol=1e-9)
    (tmp_path / "poses.json").write_text('{"synthex_poses": 1, "cases": [{"case": 3}]}')
    with pytest.raises(InputError, match="case that cannot be used"):
        read_poses(tmp_path)


def test_itk_transforms_are_those_that_itk_reads(tmp_path, camera):
    path = tmp_path / "pose.tfm"
    path.write_text(itk_transform(camera))
    transform = SimpleITK.ReadTransform(str(path))
    expected = camera.camera_from_world.apply(POINTS)
    for point, place in zip(POINTS, expected, strict=True):
        lps = point * (-1, -1, 1)
        np.testing.assert_allclose(transform.TransformPoint(lps.tolist()), place, atol=1e-6)
    np.testing.assert_allclose(pose_of_itk(path).apply(POINTS), expected, atol=1e-9)
    # With a centre of its own, as ITK's tools save them.
    centred = SimpleITK.AffineTransform(3)
    centred.SetCenter((10.0, -4.0, 3.0))
    centred.SetMatrix(camera.camera_from_world.linear.ravel().tolist())
    centred.SetTranslation((1.0, 2.0, 700.0))
    SimpleITK.WriteTransform(centred, str(path))
    moved = [centred.TransformPoint((point * (-1, -1, 1)).tolist()) for point in POINTS]
    np.testing.assert_allclose(pose_of_itk(path).apply(POINTS), moved, atol=1e-6)
    path.write_text("Parameters: 1 2 3\n")
    with pytest.raises(InputError, match="no rigid ITK transform"):
        pose_of_itk(path)


def test_deepfluoro_poses_come_back_within_a_tenth_of_a_pixel(tmp_path):
    reader = DeepFluoro(write_deepfluoro(tmp_path / "ipcai_2020_full_res_data.h5"))
    cases = [PosedCase(name, reader.camera(index)) for index, name in enumerate(reader.case_ids())]
    write_poses(tmp_path, cases)
    for index, name in enumerate(reader.case_ids()):
        world = reader.landmarks_ras(index)
        sample, found = reader[index], read_poses(tmp_path)[name].camera.project(world)
        assert np.abs(found - sample.landmarks)[sample.visible].max() < 0.1


def test_angles_of_dicom_tags_make_the_view(tmp_path):
    tags = {
        "DistanceSourceToDetector": 1100,
        "DistanceSourceToPatient": 720,
        "PositionerPrimaryAngle": 30,
        "PositionerSecondaryAngle": -15,
    }
    taken = read_acquisition(write_dicom(tmp_path / "x.dcm", **tags))
    assert (taken.sdd_mm, taken.source_patient_mm, taken.lao_rao_deg, taken.cranial_caudal_deg) == (1100, 720, 30, -15)
    view = view_of(taken, np.zeros(3), 600.0)
    camera = CArm(sdd_mm=1100, source_side="posterior").camera(view)
    # LAO: the detector, in front of a source behind the patient, goes to the patient's left (-x in RAS), and caudally.
    towards = camera.camera_from_world.linear[2]
    assert towards[0] < -0.4
    assert towards[1] > 0.7
    assert towards[2] < -0.2
    nothing = read_acquisition(write_dicom(tmp_path / "y.dcm", PositionerPrimaryAngle=500))
    assert view_of(nothing, np.zeros(3), 600.0) is None


def test_a_principal_point_off_the_centre_moves_the_image():
    camera = camera_without_pose(80, 100, 0.5, 1000.0, mirrored=True, principal_point=(20.0, 70.0))
    at = Camera(camera.intrinsics, Rigid.identity(), 80, 100, 0.5)
    np.testing.assert_allclose(at.project(np.array(((0.0, 0, 500), (10, 0, 1000)))), ((20, 70), (0, 70)))
