"""Closed surfaces in the world, and a camera with the source at the origin that looks along +z."""

import numpy as np
import trimesh

from synthex.core import Camera, Rigid, Solid


def solid_of(mesh: trimesh.Trimesh, center=(0.0, 0.0, 0.0), name="tool", rotation=None, flip=False) -> Solid:
    """A mesh around its own origin, turned and then moved to ``center``."""
    vertices = np.array(mesh.vertices, dtype=np.float64)
    vertices = vertices if rotation is None else vertices @ np.asarray(rotation).T
    faces = np.array(mesh.faces, dtype=np.int64)
    return Solid(name, vertices + np.asarray(center), faces[:, ::-1] if flip else faces, "titanium")


def rotation(rng: np.random.Generator) -> np.ndarray:
    """A proper rotation, uniform."""
    return trimesh.transformations.random_rotation_matrix(rng.random(3))[:3, :3]


def lumpy(rng: np.random.Generator, radius: float) -> trimesh.Trimesh:
    """A closed, star-shaped, far from convex surface of 320 triangles."""
    mesh = trimesh.creation.icosphere(2, 1.0)
    return trimesh.Trimesh(mesh.vertices * radius * rng.uniform(0.5, 1.3, (len(mesh.vertices), 1)), mesh.faces)


def frontal(height: int, width: int, pixel_mm: float, sdd_mm: float = 1000.0, mirrored: bool = False) -> Camera:
    """Source at the world's origin, detector across +z, its centre on the axis."""
    focal = sdd_mm / pixel_mm
    intrinsics = np.array(((-focal if mirrored else focal, 0, width / 2), (0, focal, height / 2), (0, 0, 1.0)))
    return Camera(intrinsics, Rigid.identity(), height, width, pixel_mm)
