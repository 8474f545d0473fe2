"""The kernel beside the true line integral: a trilinear volume integrated in small steps in float64."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, map_coordinates

from synthex.core import Affine, Camera, Volume
from synthex.geometry import CArm, View
from synthex.projection import project
from synthex.projection.rays import IndexRays


def body(shape: tuple[int, int, int], spacing_mm: tuple[float, float, float]) -> Volume:
    """A trunk of soft tissue with lungs, a spine, ribs of a few voxels and noise, smoothed as a scanner does."""
    axes = [(np.arange(n) - (n - 1) / 2) * h for n, h in zip(shape, spacing_mm, strict=True)]
    x, y, z = np.meshgrid(*axes, indexing="ij")
    hu = np.full(shape, -1000.0)
    hu[(x / 150) ** 2 + (y / 100) ** 2 < 1] = 40
    for side in (-1, 1):
        hu[((x - side * 70) / 50) ** 2 + (y / 65) ** 2 + (z / 90) ** 2 < 1] = -800
    shell = (x / 140) ** 2 + (y / 92) ** 2
    hu[(shell > 0.88) & (shell < 1) & (np.abs((z + 0.3 * y) % 30 - 15) < 4)] = 600
    hu[(x / 20) ** 2 + ((y - 70) / 20) ** 2 < 1] = 500
    noise = 30 * np.random.default_rng(0).normal(size=shape)
    smooth = gaussian_filter(hu + noise, [0.5 / h for h in spacing_mm])
    corner = np.array([axis[0] for axis in axes])
    return Volume(np.rint(smooth).astype(np.int16), Affine.from_parts(np.diag(spacing_mm), corner))


def dense_reference(ct: Volume, camera: Camera, step_mm: float) -> np.ndarray:
    """Water path (H, W) in mm from trilinear samples every ``step_mm`` along each ray, air outside, float64."""
    rays = IndexRays.of(camera, ct.world_from_ijk)
    density = np.maximum(np.asarray(ct.data, dtype=np.float64) + 1000, 0) / 1000
    rows, columns = np.mgrid[: camera.height, : camera.width] + 0.5
    pixels = np.stack((columns, rows, np.ones_like(rows))).reshape(3, -1)
    direction = rays.index_from_pixel @ pixels
    length = np.linalg.norm(rays.world_from_pixel @ pixels, axis=0)
    reach = np.linalg.norm(np.array(ct.shape) * ct.spacing_mm) / 2
    middle = camera.depth(ct.center_world[None])[0]
    depths = np.arange(max(0, middle - reach), min(rays.max_depth, middle + reach), step_mm)
    total = np.zeros(pixels.shape[1])
    for depth in depths + step_mm / 2:
        total += map_coordinates(density, rays.source[:, None] + depth * direction, order=1, mode="grid-constant")
    return (total * length * step_mm).reshape(camera.height, camera.width)


def error(ct: Volume, size: int, view: tuple[float, float]) -> float:
    """Relative L2 of the kernel's water path for a 400 mm detector of ``size`` pixels squared."""
    arm = CArm(rows=size, columns=size, pixel_mm=400 / size, sdd_mm=1020, source_isocenter_mm=850)
    camera = arm.camera(View(ct.center_world, *view, source_isocenter_mm=850))
    expected = dense_reference(ct, camera, 0.25 * float(ct.spacing_mm.min()))
    got = project(ct, None, (), camera).water_path_mm
    return float(np.linalg.norm(got - expected) / np.linalg.norm(expected))


VIEWS = [(0.0, 0.0), (35.0, 15.0), (90.0, 0.0)]


@pytest.mark.parametrize("view", VIEWS)
def test_within_one_percent_of_the_line_integral(view):
    assert error(body((110, 80, 60), (3.0, 3.0, 5.0)), 48, view) < 0.01


@pytest.mark.slow
@pytest.mark.parametrize("view", VIEWS)
def test_within_one_percent_of_the_line_integral_at_full_size(view):
    assert error(body((256, 192, 100), (1.3, 1.3, 2.5)), 384, view) < 0.01
