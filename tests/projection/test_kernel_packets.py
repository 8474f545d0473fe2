"""Packets of rays: every ray as if it were alone, tables and labels in the same pass, the ends of the volume."""

import itertools
import os
import subprocess
import sys

import numpy as np
import pytest

from synthex.core import Affine, Camera, Rigid, Volume
from synthex.projection import HuTable, project


def curve(quantities: int, rows: int = 3001) -> HuTable:
    """Smooth bumps over HU, as soft boundaries between materials are; 0 for air."""
    hu = np.arange(rows)[:, None]
    centers = np.linspace(300, rows - 500, quantities)
    bumps = np.exp(-(((hu - centers) / 250) ** 2)) * np.minimum(hu / 100, 1) * (1 + np.arange(quantities))
    return HuTable(bumps.astype(np.float32))


def wide_camera(size: int) -> Camera:
    """Rays up to 60 degrees off the axis: all three axes of a grid dominate some of them."""
    pose = Rigid.from_parts(np.eye(3), np.array((3.0, -2.0, 60.0)))
    intrinsics = np.array(((size / 3.5, 0, size / 2), (0, size / 3.5, size / 2), (0, 0, 1)))
    return Camera(intrinsics, pose, size, size, 10.0)


def widened(camera: Camera, rows: int, columns: int) -> Camera:
    """The same pixels and some more at the bottom and the right."""
    return Camera(
        camera.intrinsics, camera.camera_from_world, camera.height + rows, camera.width + columns, camera.pixel_mm
    )


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("quantities", [1, 6, 8])
def test_table_matches_twin(random_scene, seed, quantities):
    coarse, _, camera = random_scene(seed, size=24)
    # As many samples a ray as a small CT has: each is off by up to half a HU.
    hu = np.random.default_rng(seed).integers(-1100, 2000, [4 * n for n in coarse.shape]).astype(np.int16)
    ct = Volume(hu, coarse.world_from_ijk @ Affine.from_parts(np.eye(3) / 4, np.full(3, -0.375)))
    table = curve(quantities)
    fast = project(ct, None, (), camera, table=table)
    slow = project(ct, None, (), camera, table=table, backend="torch")
    assert fast.quantity_mm.shape == (quantities, 24, 24)
    for got, expected in zip(fast.quantity_mm, slow.quantity_mm, strict=True):
        assert expected.max() > 1
        assert np.linalg.norm(got - expected) < 1e-3 * np.linalg.norm(expected)


def test_hu_beyond_the_table_count_as_its_last_row(random_scene):
    ct, _, camera = random_scene(1)
    table = HuTable(np.array([[0.0], [1.0], [1.0]], dtype=np.float32))
    dense = Volume(np.full(ct.shape, 32767, dtype=np.int16), ct.world_from_ijk)
    water = Volume(np.full(ct.shape, 0, dtype=np.int16), ct.world_from_ijk)
    got = project(dense, None, (), camera, table=table).quantity_mm[0]
    # Samples half outside weigh half as much in water, but have more than 2 HU above air in both.
    np.testing.assert_allclose(got, project(water, None, (), camera, table=table).quantity_mm[0], rtol=1e-6)
    assert got.max() > 20


@pytest.mark.parametrize("oblique", [False, True])
def test_one_pass_gives_what_single_passes_give(random_scene, oblique):
    ct, labels, camera = random_scene(3, size=37, oblique=oblique)
    both = project(ct, labels, (2, 1), camera, table=curve(6))
    np.testing.assert_array_equal(both.water_path_mm, project(ct, None, (), camera).water_path_mm)
    np.testing.assert_array_equal(both.quantity_mm, project(ct, None, (), camera, table=curve(6)).quantity_mm)
    np.testing.assert_array_equal(both.label_path_mm, project(ct, labels, (2, 1), camera).label_path_mm)


@pytest.mark.parametrize(("rows", "columns"), [(0, 1), (1, 0), (5, 19)])
@pytest.mark.parametrize("seed", [4, 5])
def test_rays_do_not_depend_on_their_neighbours(random_scene, seed, rows, columns):
    ct, labels, camera = random_scene(seed, size=27)
    table = curve(6)
    part = project(ct, labels, (1, 3), camera, table=table)
    whole = project(ct, labels, (1, 3), widened(camera, rows, columns), table=table)
    np.testing.assert_array_equal(whole.water_path_mm[:27, :27], part.water_path_mm)
    np.testing.assert_array_equal(whole.quantity_mm[:, :27, :27], part.quantity_mm)
    np.testing.assert_array_equal(whole.label_path_mm[:, :27, :27], part.label_path_mm)


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 2, 0), (2, 0, 1)])
def test_packets_whose_rays_follow_different_axes(random_scene, order):
    ct, labels, _ = random_scene(6, oblique=False)
    centered = Affine.from_parts(np.diag((3.0, 3.5, 2.5)), (-20, -18, -20))
    ct, labels = (
        Volume(np.asfortranarray(volume.data.transpose(order)).transpose(np.argsort(order)), centered)
        for volume in (ct, labels)
    )
    camera = wide_camera(50)
    directions = centered.inverse().linear @ camera.world_from_pixel
    axes = {
        int(np.argmax(np.abs(directions @ (column + 0.5, row + 0.5, 1))))
        for row, column in itertools.product(range(50), range(50))
    }
    assert axes == {0, 1, 2}
    fast = project(ct, labels, (0, 1, 2, 3), camera, table=curve(3), threads=3)
    slow = project(ct, labels, (0, 1, 2, 3), camera, table=curve(3), backend="torch")
    peak = slow.water_path_mm.max()
    np.testing.assert_allclose(fast.water_path_mm, slow.water_path_mm, atol=1e-4 * peak)
    assert np.linalg.norm(fast.quantity_mm - slow.quantity_mm) < 1e-3 * np.linalg.norm(slow.quantity_mm)
    assert (np.abs(fast.label_path_mm - slow.label_path_mm).max(axis=0) > 1e-3).mean() < 0.005


@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 1, 1), (1, 1, 3), (1, 5, 1), (4, 1, 2), (2, 2, 2), (3, 2, 5)])
@pytest.mark.parametrize("turn", range(3))
def test_tiny_volumes(shape, turn):
    # The vector reads of the last voxels must not reach over the end, nor miss those voxels.
    rng = np.random.default_rng(sum(shape))
    axes = np.roll(np.eye(3), turn, axis=0)
    affine = Affine.from_parts(axes * 8.0, -axes @ (np.array(shape) - 1) * 4.0)
    ct = Volume(rng.integers(0, 1000, shape).astype(np.int16), affine)
    labels = Volume(rng.integers(1, 3, shape).astype(np.uint8), affine)
    pose = Rigid.from_parts(np.eye(3), np.array((0.0, 0.0, 300.0)))
    camera = Camera(np.array(((500 / 6, 0, 10.4), (0, 500 / 6, 9.7), (0, 0, 1.0))), pose, 20, 20, 6.0)
    fast = project(ct, labels, (1, 2), camera)
    slow = project(ct, labels, (1, 2), camera, backend="torch")
    assert slow.water_path_mm.max() > 1
    np.testing.assert_allclose(fast.water_path_mm, slow.water_path_mm, atol=1e-4 * slow.water_path_mm.max())
    np.testing.assert_allclose(fast.label_path_mm.sum(axis=0), slow.label_path_mm.sum(axis=0), atol=1e-3)


def test_lowest_and_highest_hu(random_scene):
    ct, _, camera = random_scene(8)
    rng = np.random.default_rng(8)
    extreme = Volume(rng.choice(np.array((-32768, -1000, 32767), dtype=np.int16), ct.shape), ct.world_from_ijk)
    fast, slow = (project(extreme, None, (), camera, backend=name).water_path_mm for name in ("numba", "torch"))
    np.testing.assert_allclose(fast, slow, atol=1e-4 * slow.max())


CACHED = """
import numpy as np
from synthex.core import Affine, Camera, Rigid, Volume
from synthex.projection import project
from synthex.projection.cpu_kernel import project_packets
camera = Camera(np.array(((500.0, 0, 8), (0, 500, 8), (0, 0, 1))), Rigid.identity(), 16, 16, 1.0)
ct = Volume(np.zeros((8, 8, 8), np.int16), Affine.from_parts(np.eye(3), (-4, -4, 250)))
project(ct, None, (), camera)
print(sum(project_packets.stats.cache_hits.values()), sum(project_packets.stats.cache_misses.values()))
"""


@pytest.mark.slow
def test_second_process_compiles_nothing(tmp_path):
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    runs = [
        subprocess.run(
            [sys.executable, "-c", CACHED], env=environment, check=True, capture_output=True, text=True, timeout=240
        ).stdout.split()
        for _ in range(2)
    ]
    assert runs == [["0", "1"], ["1", "0"]]
