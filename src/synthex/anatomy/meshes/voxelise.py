"""Surfaces to voxels: solids by winding number, and signed distances near the surface."""

import numpy as np
from jaxtyping import Bool, Float32

from synthex.anatomy.meshes.loading import Surface
from synthex.anatomy.meshes.voxel_kernel import add_crossings, lower_distances
from synthex.core.arrays import Point3

# Far below any voxel, and not a fraction of any spacing: no vertex or edge lies exactly on a voxel column.
_OFF_LATTICE = np.array((np.pi, np.e, np.sqrt(2))) * 1e-7


def inside(
    surface: Surface, origin_mm: Point3, spacing_mm: float, shape: tuple[int, int, int]
) -> Bool[np.ndarray, "I J K"]:
    """Which voxel centres of a grid lie inside a closed surface.

    Rays along z count signed crossings; non-zero winding is inside, so that overlapping closed parts of
    one file unite. Exact for closed surfaces: an edge is crossed by exactly one of its two faces.

    Args:
        surface: Closed surface, mm.
        origin_mm: Centre of voxel (0, 0, 0).
        spacing_mm: Edge of the cubic voxels.
        shape: Voxels along x, y, z.
    """
    vertices = (surface.vertices - origin_mm) / spacing_mm + _OFF_LATTICE
    winding = np.zeros((shape[0], shape[1], shape[2] + 1), dtype=np.int16)
    add_crossings(vertices, surface.faces, winding)
    return np.cumsum(winding[:, :, :-1], axis=2, dtype=np.int16) != 0


def signed_distance(
    surface: Surface, origin_mm: Point3, spacing_mm: float, shape: tuple[int, int, int], band_mm: float
) -> Float32[np.ndarray, "I J K"]:
    """Exact distance to a closed surface in mm, negative inside, cut off at ± ``band_mm``."""
    squared = np.full(shape, band_mm**2, dtype=np.float32)
    lower_distances(surface.vertices - origin_mm, surface.faces, float(spacing_mm), float(band_mm), squared)
    distance = np.sqrt(squared)
    return np.where(inside(surface, origin_mm, spacing_mm, shape), -distance, distance)
