"""Cameras given as matrices: what is replayed is K [R|t] X, wherever the principal point is."""

import json

import numpy as np
import pytest

from synthex.core import ConfigError, InputError, derive_rng
from synthex.geometry import CArm, FixedCameras, camera_from_matrices, look_at

K = [[-2600.0, 1.5, 300.25], [0.0, 2600.0, 410.5], [0.0, 0.0, 1.0]]
POSE = look_at(np.array((120.0, -700.0, 60.0)), np.array((5.0, 10.0, -20.0)), np.array((0.1, 0.0, 1.0)))
ENTRY = {"intrinsics": K, "camera_from_world": POSE.matrix[:3].tolist(), "height": 800, "width": 640, "pixel_mm": 0.4}


def test_points_go_where_the_matrices_say():
    points = derive_rng("cameras").normal(0, 60, (50, 3))
    homogeneous = np.array(K) @ POSE.matrix[:3] @ np.column_stack((points, np.ones(50))).T
    expected = (homogeneous[:2] / homogeneous[2]).T
    view = FixedCameras([ENTRY]).sample(derive_rng(0), np.zeros(3))
    camera = view.camera(CArm(rows=640, columns=640, pixel_mm=1.0))
    np.testing.assert_allclose(camera.project(points), expected, atol=1e-6)
    half = view.camera(CArm(rows=320, columns=320, pixel_mm=1.0))
    assert (half.height, half.width) == (400, 320)
    np.testing.assert_allclose(half.project(points), expected / 2, atol=1e-6)
    assert half.sdd_mm == pytest.approx(2600 * 0.4)
    # A ray through a pixel meets the point that the pixel shows.
    rays = np.column_stack((expected, np.ones(50))) @ camera.world_from_pixel.T
    np.testing.assert_allclose(camera.source_world + camera.depth(points)[:, None] * rays, points, atol=1e-6)


def test_cameras_come_in_turn_from_a_list_or_a_file(tmp_path):
    nearer = {**ENTRY, "pixel_mm": 0.3}
    (tmp_path / "cameras.json").write_text(json.dumps([ENTRY, nearer]))
    for fixed in (FixedCameras([ENTRY, nearer]), FixedCameras(file=tmp_path / "cameras.json")):
        pitches = [fixed.sample(derive_rng(0), np.zeros(3), case=case).taken_by.pixel_mm for case in range(4)]
        assert pitches == [0.4, 0.3, 0.4, 0.3]


def test_the_frame_of_the_aim_moves_with_the_scene():
    center = np.array((40.0, -30.0, 200.0))
    fixed = FixedCameras([camera_from_matrices(ENTRY)], frame="aim")
    moved = fixed.sample(derive_rng(0), center).taken_by
    still = camera_from_matrices(ENTRY)
    point = np.array(((10.0, 20.0, 30.0),))
    np.testing.assert_allclose(moved.project(point + center), still.project(point), atol=1e-9)


def test_samples_record_cameras_that_can_be_replayed():
    camera = camera_from_matrices(ENTRY)
    again = camera_from_matrices(json.loads(json.dumps(camera.to_record())))
    assert again.to_record() == camera.to_record()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"height": 0}, "bad detector"),
        ({"height": 10**6, "width": 10**6}, "at most 67108864 pixels"),
        ({"pixel_mm": float("nan")}, "bad detector"),
        ({"intrinsics": [[1, 2], [3, 4]]}, "3 x 3"),
        ({"camera_from_world": (2 * POSE.matrix).tolist()}, "last row|proper rotation"),
        ({"camera_from_world": (np.diag((-1.0, 1, 1, 1)) @ POSE.matrix).tolist()}, "proper rotation"),
        ({"pixel_mm": "wide"}, "could not convert"),
        ({"fov": 3}, "nothing else; see fov"),
    ],
)
def test_impossible_cameras_are_refused(change, said):
    with pytest.raises(ConfigError, match=said):
        FixedCameras([{**ENTRY, **change}])


def test_mistakes_are_told_with_their_remedy(tmp_path):
    with pytest.raises(ConfigError, match="in one place"):
        FixedCameras()
    with pytest.raises(InputError, match="JSON"):
        FixedCameras(file=tmp_path / "nothing.json")
    (tmp_path / "empty.json").write_text("[]")
    with pytest.raises(InputError, match="no list"):
        FixedCameras(file=tmp_path / "empty.json")
    turned = np.diag((-1.0, 1.0, -1.0, 1.0)) @ POSE.matrix
    backwards = FixedCameras([{**ENTRY, "camera_from_world": turned.tolist()}])
    with pytest.raises(ConfigError, match="behind the source of camera 0"):
        backwards.sample(derive_rng(0), np.zeros(3))
    with pytest.raises(ConfigError, match=r"data\.size=301"):
        FixedCameras([ENTRY]).sample(derive_rng(0), np.zeros(3)).camera(CArm(rows=301, columns=301, pixel_mm=1.0))
