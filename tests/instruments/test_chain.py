"""Joints move parts as their closed forms say."""

import numpy as np
import pytest

from synthex.instruments.chain import Joint, Link, cycle, poses, rigid_groups

Z = np.array((0, 0, 1.0))
Y = np.array((0, 1.0, 0))


def test_a_hinge_turns_about_its_axis_and_a_slide_along_it():
    hinge = Joint("revolute", Z, np.array((10.0, 0, 0)), -90, 90)
    np.testing.assert_allclose(hinge.motion(90).apply(np.array([[12.0, 0, 5]])), [[10, 2, 5]], atol=1e-12)
    slide = Joint("prismatic", Y, np.zeros(3), 0, 50)
    np.testing.assert_allclose(slide.motion(7.5).apply(np.array([[1.0, 2, 3]])), [[1, 9.5, 3]], atol=1e-12)


def test_two_links_in_a_plane_are_the_textbook_arm():
    # x = l1 cos a + l2 cos (a + b), y = l1 sin a + l2 sin (a + b).
    links = (
        Link("hand", "forearm", Joint("revolute", Z, np.array((30.0, 0, 0)), -180, 180, rest=20)),
        Link("forearm", "base", Joint("revolute", Z, np.zeros(3), -180, 180)),
        Link("base"),
    )
    tip = np.array([[50.0, 0, 0]])
    for a, b in ((0, 0), (30, 40), (-75, 110)):
        angle_a, angle_ab = np.deg2rad(a), np.deg2rad(a + b)
        wanted = 30 * np.array((np.cos(angle_a), np.sin(angle_a), 0))
        wanted = wanted + 20 * np.array((np.cos(angle_ab), np.sin(angle_ab), 0))
        np.testing.assert_allclose(poses(links, {"forearm": a, "hand": b})["hand"].apply(tip)[0], wanted, atol=1e-12)
    resting = poses(links, {})
    np.testing.assert_allclose(
        resting["hand"].apply(tip)[0], [30 + 20 * np.cos(np.pi / 9), 20 * np.sin(np.pi / 9), 0], atol=1e-12
    )
    np.testing.assert_array_equal(resting["forearm"].matrix, np.eye(4))


def test_circles_and_rigid_groups():
    slide = Joint("prismatic", Z, np.zeros(3), 0, 1)
    assert cycle((Link("a", "b"), Link("b", "c"), Link("c", "b"))) == ["b", "c", "b"]
    assert cycle((Link("a", "a"),)) == ["a", "a"]
    links = (Link("a"), Link("b", "a"), Link("c", "b", slide), Link("d", "c"))
    assert cycle(links) == []
    assert rigid_groups(links) == {"a": "", "b": "", "c": "c", "d": "c"}


@pytest.mark.parametrize("angle", [17.0, -123.0])
def test_a_motion_keeps_points_on_its_axis(angle):
    axis = np.array((1.0, 2, -2)) / 3
    origin = np.array((4.0, -1, 2))
    hinge = Joint("revolute", axis, origin, -180, 180)
    points = origin + np.outer((-5.0, 0, 3), axis)
    np.testing.assert_allclose(hinge.motion(angle).apply(points), points, atol=1e-12)
