"""Axis-aligned grids of cubic voxels, and boxes in them."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from synthex.core import Affine
from synthex.core.arrays import Point3


@dataclass(frozen=True, eq=False)
class Grid:
    """An axis-aligned grid of cubic voxels in RAS.

    Attributes:
        origin_mm: Centre of voxel (0, 0, 0).
        spacing_mm: Edge of a voxel.
        shape: Voxels along x, y, z.
    """

    origin_mm: Point3
    spacing_mm: float
    shape: tuple[int, int, int]

    @classmethod
    def around(cls, lower_mm: Point3, upper_mm: Point3, spacing_mm: float) -> "Grid":
        """The grid whose voxels cover a box."""
        counts = np.maximum(np.ceil((upper_mm - lower_mm) / spacing_mm).astype(int), 1)
        return cls(lower_mm + spacing_mm / 2, spacing_mm, (int(counts[0]), int(counts[1]), int(counts[2])))

    @property
    def world_from_ijk(self) -> Affine:
        """Voxel indices to RAS mm."""
        return Affine.from_parts(np.eye(3) * self.spacing_mm, self.origin_mm)

    def box(self, points: Float[np.ndarray, "N 3"], margin_mm: float) -> "Box | None":
        """The part of the grid within ``margin_mm`` of the bounding box of points; None if that is empty."""
        lower = np.ceil((points.min(axis=0) - margin_mm - self.origin_mm) / self.spacing_mm).astype(int)
        upper = np.floor((points.max(axis=0) + margin_mm - self.origin_mm) / self.spacing_mm).astype(int) + 1
        start, stop = np.maximum(lower, 0), np.minimum(upper, self.shape)
        if (stop <= start).any():
            return None
        return Box(tuple(int(v) for v in start), tuple(int(v) for v in stop))

    def axes(self, box: "Box | None" = None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """World coordinates x, y, z of the voxel centres of a box, shaped to broadcast over it."""
        start = box.start if box else (0, 0, 0)
        stop = box.stop if box else self.shape
        x, y, z = (
            self.origin_mm[axis] + self.spacing_mm * np.arange(start[axis], stop[axis], dtype=np.float32)
            for axis in range(3)
        )
        return x[:, None, None], y[None, :, None], z[None, None, :]

    def coarser(self, factor: int) -> "Grid":
        """Every ``factor``-th voxel, reaching at least as far as the last one."""
        counts = [-(-(size - 1) // factor) + 1 for size in self.shape]
        return Grid(self.origin_mm, self.spacing_mm * factor, (counts[0], counts[1], counts[2]))


@dataclass(frozen=True)
class Box:
    """A block of voxels: first index and one past the last, along each axis."""

    start: tuple[int, ...]
    stop: tuple[int, ...]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels along each axis."""
        i, j, k = (stop - start for start, stop in zip(self.start, self.stop, strict=True))
        return (i, j, k)

    @property
    def slices(self) -> tuple[slice, slice, slice]:
        """Index of the block in the grid."""
        i, j, k = (slice(start, stop) for start, stop in zip(self.start, self.stop, strict=True))
        return (i, j, k)

    def intersect(self, other: "Box") -> "Box | None":
        """The common block, or None."""
        start = tuple(max(pair) for pair in zip(self.start, other.start, strict=True))
        stop = tuple(min(pair) for pair in zip(self.stop, other.stop, strict=True))
        return Box(start, stop) if all(a < b for a, b in zip(start, stop, strict=True)) else None

    def within(self, outer: "Box") -> tuple[slice, slice, slice]:
        """Index of this block in an array that holds ``outer``."""
        i, j, k = (
            slice(start - first, stop - first)
            for start, stop, first in zip(self.start, self.stop, outer.start, strict=True)
        )
        return (i, j, k)


def upsample(coarse: Float[np.ndarray, "A B C"], factor: int, shape: tuple[int, int, int]) -> np.ndarray:
    """Linear interpolation of values on :meth:`Grid.coarser` back to the full grid; float32 of ``shape``."""
    result = np.asarray(coarse, dtype=np.float32)
    for axis in range(3):
        position = np.arange(shape[axis]) / factor
        low = np.minimum(position.astype(int), max(result.shape[axis] - 2, 0))
        high = np.minimum(low + 1, result.shape[axis] - 1)
        weight = (position - low).astype(np.float32).reshape([-1 if a == axis else 1 for a in range(3)])
        result = result.take(low, axis) * (1 - weight) + result.take(high, axis) * weight
    return result
