"""Surfaces to voxels against closed forms."""

import numpy as np
import pytest
import trimesh
from generators.meshes import as_arrays, box_at, sphere_at

from synthex.anatomy.meshes import Surface, inside, signed_distance

ORIGIN, SHAPE = np.full(3, -40.0), (81, 81, 81)


def _surface(mesh):
    return Surface(*as_arrays(mesh))


@pytest.mark.parametrize("center", [(0, 0, 0), (0.3, -0.7, 0.123)])
def test_sphere_volume(center):
    mesh = sphere_at(center, 30.0)
    assert inside(_surface(mesh), ORIGIN, 1.0, SHAPE).sum() == pytest.approx(mesh.volume, rel=0.01)


def test_box_is_exact_even_with_faces_on_voxel_centres():
    # Faces at half indices: no voxel centre is on them.
    assert inside(_surface(box_at((0.5, 0.5, 0.5), (20, 30, 40))), ORIGIN, 1.0, SHAPE).sum() == 20 * 30 * 40
    # Edges and vertices on voxel columns: each column still enters and leaves once.
    solid = inside(_surface(box_at((0, 0, 0), (20, 30, 40))), ORIGIN, 1.0, SHAPE)
    assert solid.sum() == 20 * 30 * 40
    assert solid[30:50, 25:55, 20:60].sum() >= 19 * 29 * 39


def test_voxels_are_where_the_sphere_is():
    solid = inside(_surface(sphere_at((5, -6, 7), 20.0)), ORIGIN, 1.0, SHAPE)
    np.testing.assert_allclose(np.argwhere(solid).mean(axis=0) - 40, (5, -6, 7), atol=0.02)


def test_solid_reaching_out_of_the_grid_is_cut():
    solid = inside(_surface(box_at((0, 0, 0), (20, 20, 500))), ORIGIN, 1.0, SHAPE)
    assert solid.any(axis=(0, 1)).all()
    assert solid.sum() == 20 * 20 * 81


def test_overlapping_parts_unite_and_inverted_surfaces_stay_solid():
    both = trimesh.util.concatenate([box_at((0, 0, 0), (20, 20, 20)), box_at((10, 0, 0), (20, 20, 20))])
    assert inside(_surface(both), ORIGIN, 1.0, SHAPE).sum() == 30 * 20 * 20
    mesh = box_at((0, 0, 0), (20, 20, 20))
    mesh.invert()
    assert inside(_surface(mesh), ORIGIN, 1.0, SHAPE).sum() == 20**3


def test_cavity_stays_hollow():
    hole = box_at((0, 0, 0), (10, 10, 10))
    hole.invert()
    hollow = trimesh.util.concatenate([box_at((0, 0, 0), (30, 30, 30)), hole])
    assert inside(_surface(hollow), ORIGIN, 1.0, SHAPE).sum() == 30**3 - 10**3


def test_distance_to_a_box_is_exact():
    half = np.array([10.0, 15.0, 20.0])
    distance = signed_distance(_surface(box_at((0.3, 0.2, 0.1), tuple(2 * half))), ORIGIN, 1.0, SHAPE, 8.0)
    points = np.stack(np.meshgrid(*[np.arange(81) - 40.0] * 3, indexing="ij"), axis=-1) - (0.3, 0.2, 0.1)
    q = np.abs(points) - half
    expected = np.linalg.norm(np.maximum(q, 0), axis=-1) + np.minimum(q.max(axis=-1), 0)
    np.testing.assert_allclose(distance, np.clip(expected, -8, 8), atol=2e-3)


def test_distance_to_a_sphere():
    distance = signed_distance(_surface(sphere_at((0, 0, 0), 25.0)), ORIGIN, 1.0, SHAPE, 6.0)
    radius = np.linalg.norm(np.stack(np.meshgrid(*[np.arange(81) - 40.0] * 3, indexing="ij")), axis=0)
    # The facets of the sphere lie up to 0.12 mm below it.
    np.testing.assert_allclose(distance, np.clip(radius - 25, -6, 6), atol=0.15)
