"""Ranges as configs hand them over, and the bad ones."""

import numpy as np
import pytest

from synthex.core import ConfigError, derive_rng
from synthex.tasks.tool_detection.placement import Placement, draw_weighted
from synthex.tasks.tool_detection.poses import placed, resampled, tilted, turned


def test_lists_and_whole_numbers_will_do():
    placement = Placement(where={"air": 1}, depth_mm=[-5, 5], margin_mm=2, on_skin=["lead"])
    assert placement.depth_mm == (-5.0, 5.0)
    assert placement.on_skin == ("lead",)
    assert draw_weighted(placement.where, derive_rng(0)) == "air"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("depth_mm", (5, -5)),
        ("roll_deg", (0, 180, 360)),
        ("air_mm", (0, float("nan"))),
        ("axis_tilt_deg", (-1, 1)),
        ("clearance_mm", (0, 1)),
        ("margin_mm", -1),
        ("where", {"pocket": 1}),
        ("where", {"air": 0}),
        ("where", {"air": 1, "front": -1}),
        ("tunnel_materials", {}),
        ("distractor_probability", 1.5),
        ("most_distractors", -1),
        ("margin_mm", float("inf")),
    ],
)
def test_bad_settings_are_named(field, value):
    with pytest.raises(ConfigError, match=f"task.placement.{field}"):
        Placement(**{field: value})


def test_unknown_materials_are_named():
    with pytest.raises(ConfigError, match="unknown material 'blod'; did you mean blood"):
        Placement(tunnel_materials={"blod": 1})


def test_weights_are_probabilities():
    rng = derive_rng(1)
    drawn = [draw_weighted({"a": 1, "b": 3.0, "c": 0}, rng) for _ in range(2000)]
    assert drawn.count("a") / 2000 == pytest.approx(0.25, abs=0.04)
    assert "c" not in drawn


def test_rotations_bring_z_to_the_direction_and_roll_turns_about_it():
    directions = np.array(((0.0, 0, 1), (0, 1, 0), (0, -2, 0), (1, 2, 3), (0, 0, -1)))
    plain, rolled = (turned(directions, np.full(5, roll)) for roll in (0.0, 90.0))
    for a, b, direction in zip(plain, rolled, directions, strict=True):
        np.testing.assert_allclose(a @ a.T, np.eye(3), atol=1e-12)
        assert np.linalg.det(a) == pytest.approx(1.0)
        np.testing.assert_allclose(a[:, 2], direction / np.linalg.norm(direction), atol=1e-12)
        np.testing.assert_allclose(b[:, 0], a[:, 1], atol=1e-12)
    np.testing.assert_allclose(plain[0][:, 1], (0, 1, 0), atol=1e-12)


def test_tilted_directions_are_that_far_from_the_axis():
    axis = np.array((0.6, 0.0, 0.8))
    found = tilted(axis, np.array((0.0, 10.0, 90.0)), np.array((0.0, 1.0, 2.0)))
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1.0)
    np.testing.assert_allclose(np.rad2deg(np.arccos(np.clip(found @ axis, -1, 1))), (0, 10, 90), atol=1e-5)


def test_lines_are_resampled_and_placed():
    line = resampled(np.array(((0.0, 0, 0), (0, 0, 3), (0, 4, 3))), 1.0)
    np.testing.assert_allclose(np.linalg.norm(np.diff(line, axis=0), axis=1), 1.0)
    assert len(line) == 8
    poses = (
        np.stack((np.eye(3), turned(np.array(((1.0, 0, 0),)), np.zeros(1))[0])),
        np.array(((1.0, 2, 3), (0, 0, 0))),
    )
    world = placed(line, poses)
    np.testing.assert_allclose(world[0], line + np.array((1, 2, 3)))
    np.testing.assert_allclose(world[1, 3], (3, 0, 0), atol=1e-12)
