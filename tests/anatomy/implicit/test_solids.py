import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from synthex.anatomy.implicit.kernel import CLIP_MM, polygon_distance
from synthex.anatomy.implicit.solids import SolidBuilder
from synthex.anatomy.phantom import sample_pelvis_parameters
from synthex.anatomy.phantom.assembly import assemble
from synthex.core import Rigid, derive_rng


def test_capsule_is_an_exact_distance():
    builder = SolidBuilder()
    builder.capsule((0, 0, 0), (20, 0, 0), 5.0)
    points = np.array([(10.0, 0, 0), (10, 8, 0), (-9, 0, 0), (26, 8, 0)])
    assert np.allclose(builder.build().values(points), [-5, 3, 4, 5])


def test_flattened_capsule_has_the_named_half_axes():
    builder = SolidBuilder()
    builder.capsule((0, 0, 0), (0, 0, 0), 10.0, flat=0.5, normal=(0, 1, 0))
    surface = np.array([(10.0, 0, 0), (0, 5, 0), (0, 0, 10), (10 * np.sqrt(0.5), 5 * np.sqrt(0.5), 0)])
    assert np.allclose(builder.build().values(surface), 0.0, atol=1e-9)


def test_polygon_distance_of_a_square():
    square = np.array([(0.0, 0), (10, 0), (10, 10), (0, 10)])
    points = np.array([(5.0, 5), (5, 12), (13, 14), (1, 5)])
    assert np.allclose(polygon_distance(points, square), [-5, 2, 5, -1])


def test_placed_solid_moves_with_its_frame():
    builder = SolidBuilder()
    builder.capsule((0, 0, 0), (0, 0, 30), 4.0, 8.0)
    rotation = Rotation.from_euler("xyz", (20, -30, 50), degrees=True).as_matrix()
    world_from_local = Rigid.from_parts(rotation, (5.0, -6.0, 7.0))
    points = np.random.default_rng(0).uniform(-20, 40, (50, 3))
    still = builder.build()
    moved = still.placed(world_from_local.inverse())
    assert np.allclose(moved.values(world_from_local.apply(points)), still.values(points))


@pytest.mark.parametrize("spacing", [1.7, 4.0])
def test_skipping_blocks_does_not_change_a_bone(spacing):
    skeleton = assemble(sample_pelvis_parameters(derive_rng(0, "phantom", 1)))
    for solid in (skeleton.hips["left"], skeleton.femurs["right"], skeleton.sacrum, skeleton.lumbar[0]):
        low, high = solid.bounds_world()
        shape = tuple(int(n) for n in np.ceil((high - low) / spacing))
        grid = solid.grid(low, spacing, shape)
        points = low + spacing * np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1).reshape(-1, 3)
        pick = np.random.default_rng(1).choice(len(points), 4000, replace=False)
        exact = np.clip(solid.values(points[pick]), -CLIP_MM, CLIP_MM)
        near = np.abs(exact) < 3.0
        assert near.sum() > 100
        assert np.abs(grid.reshape(-1)[pick] - exact)[near].max() < 0.02
        assert (np.sign(grid.reshape(-1)[pick]) == np.sign(exact)).all()


def test_bounds_hold_the_whole_bone():
    skeleton = assemble(sample_pelvis_parameters(derive_rng(0, "phantom", 4)))
    for solid in (*skeleton.hips.values(), skeleton.sacrum, *skeleton.lumbar):
        low, high = solid.bounds_world()
        grid = solid.grid(low - 8, 4.0, tuple(int(n) for n in np.ceil((high - low + 16) / 4.0)))
        border = np.ones(grid.shape, dtype=bool)
        border[2:-2, 2:-2, 2:-2] = False
        assert (grid[border] > 0).all()


def test_an_ellipsoid_of_equal_axes_is_a_ball():
    builder = SolidBuilder()
    builder.ellipsoid((1.0, 2.0, 3.0), np.eye(3), (5.0, 5.0, 5.0))
    points = np.array(((1.0, 2.0, 11.0), (9.0, 2.0, 3.0), (1.0, -1.0, 3.0)))
    assert np.allclose(builder.build().values(points), (3.0, 3.0, -2.0))


def test_an_ellipsoid_vanishes_on_its_surface():
    turn = np.array(((0.0, -1.0, 0.0), (1.0, 0.0, 0.0), (0.0, 0.0, 1.0)))
    builder = SolidBuilder()
    builder.ellipsoid((0.0, 0.0, 0.0), turn, (9.0, 4.0, 2.0))
    # The first half axis lies along the first column, which is y.
    points = np.array(((0.0, 9.0, 0.0), (-4.0, 0.0, 0.0), (0.0, 0.0, 2.0)))
    assert np.allclose(builder.build().values(points), 0.0, atol=1e-9)


def test_a_triangle_measures_to_its_face_edges_and_corners():
    builder = SolidBuilder()
    builder.triangle((0.0, 0.0, 0.0), (10.0, 0.0, 0.0), (0.0, 10.0, 0.0), 1.0)
    points = np.array(((2.0, 2.0, 5.0), (5.0, -4.0, 0.0), (-3.0, 0.0, -4.0), (8.0, 8.0, 0.0), (13.0, 0.0, 4.0)))
    expected = np.array((5.0, 4.0, 5.0, 6.0 / np.sqrt(2), 5.0)) - 1.0
    assert np.allclose(builder.build().values(points), expected)
