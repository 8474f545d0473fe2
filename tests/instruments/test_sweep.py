"""Swept tubes, bodies of revolution: volumes, orientation, frames."""

import numpy as np
import pytest

from synthex.core import Solid
from synthex.instruments.sweep import enclosed_volume, lathe, merge_surfaces, section_offsets, swept_tube

STRAIGHT = np.array([[0.0, 0, 0], [0, 0, 10], [0, 0, 30]])


def closed_volume(surface):
    vertices, faces = surface
    Solid("part", vertices, faces, "nitinol")
    return enclosed_volume(surface)


def helix(turns=1.0, radius=20.0, pitch=30.0, count=400):
    angle = np.linspace(0, 2 * np.pi * turns, count)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle), pitch * angle / (2 * np.pi)], axis=1)


def test_a_rod_and_a_tube_have_the_volumes_of_their_circles():
    assert closed_volume(swept_tube(STRAIGHT, 3)) == pytest.approx(np.pi * 9 * 30)
    assert closed_volume(swept_tube(STRAIGHT, 3.0, 7, 2.0)) == pytest.approx(np.pi * 5 * 30)


def test_a_cone_has_its_volume():
    assert closed_volume(swept_tube(STRAIGHT[::2], np.array([3.0, 0.0]), 12)) == pytest.approx(np.pi * 9 * 30 / 3)


@pytest.mark.parametrize("inner", [None, 1.0])
def test_a_bent_tube_has_the_volume_of_its_length(inner):
    """Pappus: cross-section times length of the centre line."""
    points = helix()
    length = np.linalg.norm(np.diff(points, axis=0), axis=1).sum()
    area = np.pi * (4 - (inner or 0) ** 2)
    assert closed_volume(swept_tube(points, 2.0, 24, inner)) == pytest.approx(area * length, rel=1e-3)


def test_a_right_angle_is_mitred_at_full_thickness():
    corner = np.array([[0.0, 0, 0], [0, 0, 10], [0, 8, 10]])
    assert closed_volume(swept_tube(corner, 1.0)) == pytest.approx(np.pi * 18)
    offsets = section_offsets(corner, 8, np.array([0.0, 1, 0]))
    assert offsets[1, 0] == pytest.approx([0, 1, -1])
    assert offsets[2, 0] == pytest.approx([0, 0, -1])


def test_cross_sections_are_upright_and_do_not_twist():
    points = helix(count=2000)
    offsets = section_offsets(points, 4)
    tangents = np.gradient(points, axis=0)
    tangents /= np.linalg.norm(tangents, axis=1, keepdims=True)
    first = offsets[:, 0]
    assert np.linalg.norm(first, axis=1) == pytest.approx(1, abs=1e-4)
    assert np.abs((first * tangents).sum(axis=1))[1:-1].max() < 1e-4
    turning = np.gradient(first, axis=0)
    twist = (turning * np.cross(tangents, first)).sum(axis=1)[2:-2]
    assert np.abs(twist).max() < 1e-6


def test_the_reference_names_the_first_corner():
    vertices, _ = swept_tube(STRAIGHT, 3.0, 4, reference=np.array([0.0, 5, 9]))
    assert vertices[0] / np.linalg.norm(vertices[0]) == pytest.approx([0, 1, 0])


def test_bodies_of_revolution():
    ball = np.linspace(0, np.pi, 181)
    volume = closed_volume(lathe(np.stack([-5 * np.cos(ball), 5 * np.sin(ball)], axis=1), 48))
    assert volume == pytest.approx(4 / 3 * np.pi * 125, rel=1e-3)
    assert closed_volume(lathe(np.array([[4.0, 2], [0, 2]]))) == pytest.approx(np.pi * 16)
    ring = np.array([[0.0, 2], [1, 2], [1, 3], [0, 3], [0, 2]])
    assert closed_volume(lathe(ring)) == pytest.approx(np.pi * 5)


def test_points_at_the_ends_make_no_empty_triangles():
    ball = np.linspace(0, np.pi, 9)
    profile = np.stack([-5 * np.cos(ball), 5 * np.sin(ball)], axis=1)
    profile[[0, -1], 1] = 0
    for vertices, faces in (lathe(profile, 12), swept_tube(STRAIGHT, np.array([0.0, 3, 0]), 12)):
        corners = vertices[faces]
        areas = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
        assert areas.min() > 0.1
        assert len(np.unique(vertices.round(9), axis=0)) == len(vertices)


def test_merged_surfaces_are_closed_together():
    parts = [swept_tube(STRAIGHT, 1), swept_tube(STRAIGHT + 20, 2)]
    assert closed_volume(merge_surfaces(parts)) == pytest.approx(np.pi * 30 * 5)


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: swept_tube(STRAIGHT[:1], 1), "two points"),
        (lambda: swept_tube(STRAIGHT[[0, 0, 1]], 1), "differ"),
        (lambda: swept_tube(STRAIGHT[[0, 2, 1]], 1), "doubles back"),
        (lambda: swept_tube(STRAIGHT, 2, 12, 2.0), "does not fit"),
        (lambda: swept_tube(STRAIGHT, 0), "positive radius"),
        (lambda: swept_tube(STRAIGHT, 1, reference=np.array([0.0, 0, 1])), "along the tube"),
        (lambda: lathe(np.array([[0.0, 1]])), "two points"),
        (lambda: lathe(np.array([[0.0, 1], [1, -1]])), "at least 0"),
        (lambda: lathe(np.array([[1.0, 1], [1, 1]])), "no volume"),
        (lambda: lathe(np.array([[0.0, 0], [1, 0]])), "no volume"),
        (lambda: merge_surfaces([]), "no surfaces"),
    ],
)
def test_impossible_shapes_are_refused(make, problem):
    with pytest.raises(ValueError, match=problem):
        make()
