"""Voxelised solids with closed-form chords, and small seeded scenes."""

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest

from synthex.core import Affine, Camera, Rigid, Volume

CENTER = np.array((0.0, 0.0, 500.0))


def grid(half_mm: tuple[float, float, float], h: float) -> tuple[np.ndarray, Affine]:
    """Voxel centres relative to the solid's centre, (I, J, K, 3), and world_from_ijk."""
    counts = [2 * (int(np.ceil(half / h)) + 2) for half in half_mm]
    axes = [(np.arange(n) - (n - 1) / 2) * h for n in counts]
    world_from_ijk = Affine.from_parts(np.diag((h, h, h)), CENTER - (np.array(counts) - 1) / 2 * h)
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1), world_from_ijk


def to_volume(inside_mm: np.ndarray, h: float, world_from_ijk: Affine) -> Volume:
    """Water where the signed depth inside is positive, partial volume in the boundary voxels."""
    fraction = np.clip(0.5 + inside_mm / h, 0, 1)
    return Volume(np.rint(-1000 + 1000 * fraction).astype(np.int16), world_from_ijk)


def sphere(h: float) -> Volume:
    points, affine = grid((50, 50, 50), h)
    return to_volume(50 - np.linalg.norm(points, axis=-1), h, affine)


def ellipsoid(h: float) -> Volume:
    axes = np.array((60.0, 40.0, 30.0))
    points, affine = grid(tuple(axes), h)
    level = np.linalg.norm(points / axes, axis=-1)
    gradient = np.linalg.norm(points / axes**2, axis=-1) / np.maximum(level, 1e-9)
    return to_volume((1 - level) / np.maximum(gradient, 1e-9), h, affine)


def box(h: float) -> Volume:
    half = np.array((50.0, 40.0, 30.0))
    points, affine = grid(tuple(half), h)
    return to_volume((half - np.abs(points)).min(axis=-1), h, affine)


def cylinder(h: float) -> Volume:
    points, affine = grid((100, 30, 30), h)
    radial = 30 - np.linalg.norm(points[..., 1:], axis=-1)
    return to_volume(np.minimum(radial, 100 - np.abs(points[..., 0])), h, affine)


def ray_camera(u: float, v: float) -> Camera:
    """One pixel whose centre is ``(u, v)`` mm off the central axis; source at the origin, SDD 1000."""
    intrinsics = np.array(((1000, 0, 0.5 - u), (0, 1000, 0.5 - v), (0, 0, 1.0)))
    return Camera(intrinsics, Rigid.identity(), 1, 1, 1.0)


@pytest.fixture(scope="session")
def solids() -> SimpleNamespace:
    return SimpleNamespace(
        sphere=sphere, ellipsoid=ellipsoid, box=box, cylinder=cylinder, ray_camera=ray_camera, center=CENTER
    )


def random_rotation(rng: np.random.Generator) -> np.ndarray:
    q, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    return q * np.sign(np.linalg.det(q))


@pytest.fixture(scope="session")
def random_scene() -> Callable[..., tuple[Volume, Volume, Camera]]:
    """Seed to (CT, labels, camera): smooth-free random HU, blocky labels, oblique anisotropic grid."""

    def make(seed: int, size: int = 24, oblique: bool = True) -> tuple[Volume, Volume, Camera]:
        rng = np.random.default_rng(seed)
        shape = (14, 11, 17)
        hu = rng.integers(-1100, 2000, shape).astype(np.int16)
        labels = np.kron(rng.integers(0, 4, (4, 3, 5)), np.ones((4, 4, 4), dtype=int))[:14, :11, :17].astype(np.uint8)
        rotation = random_rotation(rng) if oblique else np.eye(3)
        linear = rotation @ np.diag(rng.uniform(2.0, 5.0, 3))
        affine = Affine.from_parts(linear, -linear @ (np.array(shape) - 1) / 2 + rng.uniform(-5, 5, 3))
        pose = Rigid.from_parts(random_rotation(rng), np.array((*rng.uniform(-5, 5, 2), 300.0)))
        intrinsics = np.array(((500 / 6, 0, size / 2 + 0.3), (0, 500 / 6, size / 2 - 0.2), (0, 0, 1)))
        return Volume(hu, affine), Volume(labels, affine), Camera(intrinsics, pose, size, size, 6.0)

    return make
