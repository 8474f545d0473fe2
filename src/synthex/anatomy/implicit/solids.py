"""Solids: bones written as lists of implicit primitives in a bone's own frame, and where they lie."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np
from jaxtyping import Float

from synthex.anatomy.implicit import bone_kernel, kernel
from synthex.core import Affine
from synthex.core.arrays import Points3

Vector = Sequence[float] | Float[np.ndarray, "3"]
Warp = Callable[[Points3], Points3]

_NO_TABLES = np.zeros((4, 2, 2))


@dataclass(frozen=True, eq=False)
class Solid:
    """An implicit body: negative inside, close to a distance in mm.

    Attributes:
        rows: One primitive a row, see :mod:`synthex.anatomy.implicit.kernel`.
        tables: Height, half thickness, slope cosine and outline distance of the plate primitive, if any.
        low: Lower corner of a box around the solid in its own frame, mm.
        high: Upper corner.
        local_from_world: Rotation (or reflection) and shift into the solid's frame.
        accents: Where the cortex is thicker or the spongiosa denser than elsewhere, rows as in
            :mod:`synthex.anatomy.implicit.bone_kernel`, in the solid's frame.
    """

    rows: np.ndarray
    tables: np.ndarray
    low: Float[np.ndarray, "3"]
    high: Float[np.ndarray, "3"]
    local_from_world: Affine = field(default_factory=Affine.identity)
    accents: np.ndarray = field(default_factory=lambda: np.zeros((0, bone_kernel.ACCENT_ROW)))

    def placed(self, local_from_world: Affine) -> "Solid":
        """The same solid elsewhere."""
        return replace(self, local_from_world=local_from_world)

    def values(self, points_world: Points3) -> Float[np.ndarray, "N"]:
        """Implicit function at world points, mm."""
        points = np.ascontiguousarray(points_world, dtype=np.float64)
        linear, offset = self._map()
        return kernel.evaluate(points, linear, offset, self.rows, self.tables)

    def grid(
        self, origin: Float[np.ndarray, "3"], spacing_mm: float, shape: tuple[int, int, int]
    ) -> Float[np.ndarray, "I J K"]:
        """Implicit function on a world-aligned grid, clipped to +-14 mm, float32."""
        linear, offset = self._map()
        return kernel.rasterise(
            np.asarray(origin, dtype=np.float64), float(spacing_mm), shape, linear, offset, self.rows, self.tables
        )

    def accents_world(self) -> np.ndarray:
        """The accents in world coordinates."""
        rows = self.accents.copy()
        world_from_local = self.local_from_world.inverse()
        rows[:, 1:4] = world_from_local.apply(self.accents[:, 1:4])
        plates = rows[:, 0] == bone_kernel.ENDPLATES
        rows[:, 4:7] = np.where(
            plates[:, None],
            world_from_local.apply_vectors(self.accents[:, 4:7]),
            world_from_local.apply(self.accents[:, 4:7]),
        )
        return rows

    def bounds_world(self) -> tuple[Float[np.ndarray, "3"], Float[np.ndarray, "3"]]:
        """Axis-aligned box around the solid in the world, mm."""
        corners = np.array([[(self.low, self.high)[n >> a & 1][a] for a in range(3)] for n in range(8)])
        corners = self.local_from_world.inverse().apply(corners)
        return corners.min(axis=0), corners.max(axis=0)

    def _map(self) -> tuple[np.ndarray, np.ndarray]:
        return (
            np.ascontiguousarray(self.local_from_world.linear),
            np.ascontiguousarray(self.local_from_world.translation),
        )


class SolidBuilder:
    """Collects primitives; positions go through ``warp``, radii through ``scale``.

    Args:
        warp: Smooth map from the template's frame to the subject's bone frame.
        scale: Factor on all radii and blends.
    """

    def __init__(self, warp: Warp | None = None, scale: float = 1.0) -> None:
        self._warp, self._scale = warp or (lambda points: points), scale
        self._rows: list[np.ndarray] = []
        self._accents: list[tuple[float, ...]] = []
        self._tables = _NO_TABLES
        self._low, self._high = np.full(3, np.inf), np.full(3, -np.inf)

    def point(self, position: Vector) -> Float[np.ndarray, "3"]:
        """A template position in the subject's bone frame."""
        return self._warp(np.asarray(position, dtype=np.float64)[None])[0]

    def capsule(
        self,
        a: Vector,
        b: Vector,
        radius_a: float,
        radius_b: float | None = None,
        *,
        flat: float = 1.0,
        normal: Vector = (0.0, 0.0, 1.0),
        blend: float = 4.0,
        operation: int = kernel.UNION,
    ) -> None:
        """A tapered capsule whose section is an ellipse, ``flat`` times as thick along ``normal``."""
        pa, pb = self.point(a), self.point(b)
        direction = np.asarray(normal, dtype=np.float64) / np.linalg.norm(normal)
        ra, rb = radius_a * self._scale, (radius_a if radius_b is None else radius_b) * self._scale
        self._add(kernel.CAPSULE, operation, blend, (*pa, *pb, ra, rb, *direction, flat))
        if operation == kernel.UNION:
            self._grow(pa, ra * max(1.0, flat))
            self._grow(pb, rb * max(1.0, flat))

    def chain(
        self,
        points: Sequence[Vector],
        radii: Sequence[float],
        *,
        flat: float = 1.0,
        normal: Vector = (0.0, 0.0, 1.0),
        blend: float = 4.0,
    ) -> None:
        """Capsules from point to point."""
        for n in range(len(points) - 1):
            self.capsule(points[n], points[n + 1], radii[n], radii[n + 1], flat=flat, normal=normal, blend=blend)

    def cup(self, centre: Vector, radius: float, direction: Vector, rim: float, blend: float = 4.0) -> None:
        """A ball cut off ``rim`` mm beyond its centre along ``direction``."""
        c = self.point(centre)
        self._add(
            kernel.CUP, kernel.UNION, blend, (*c, radius * self._scale, *np.asarray(direction), rim * self._scale)
        )
        self._grow(c, radius * self._scale)

    def drum(
        self,
        centre: Vector,
        side: Vector,
        axis: Vector,
        radii: tuple[float, float],
        half_height: float,
        *,
        waist: float = 0.0,
        rounding: float = 2.0,
        hollow: float = 0.0,
        blend: float = 3.0,
    ) -> None:
        """An elliptic cylinder along ``axis`` with a waist and, on its -third side, a hollow."""
        c = self.point(centre)
        side, axis = np.asarray(side) / np.linalg.norm(side), np.asarray(axis) / np.linalg.norm(axis)
        s = self._scale
        values = (*c, *side, *axis, *np.cross(axis, side), radii[0] * s, radii[1] * s, half_height * s)
        self._add(kernel.DRUM, kernel.UNION, blend, (*values, waist, rounding * s, hollow * s))
        self._grow(c, s * (max(radii) + half_height))

    def ellipsoid(
        self,
        centre: Vector,
        axes: Float[np.ndarray, "3 3"],
        radii: tuple[float, float, float],
        blend: float = 4.0,
        operation: int = kernel.UNION,
    ) -> None:
        """An ellipsoid whose half axes ``radii`` lie along the columns of ``axes`` (orthonormal)."""
        c = self.point(centre)
        scaled = tuple(radius * self._scale for radius in radii)
        self._add(kernel.ELLIPSOID, operation, blend, (*c, *axes.T.reshape(-1), *scaled))
        if operation == kernel.UNION:
            self._grow(c, max(scaled))

    def triangle(self, a: Vector, b: Vector, c: Vector, half_thickness: float, blend: float = 2.0) -> None:
        """A flat triangular sheet with rounded edges."""
        corners = [self.point(point) for point in (a, b, c)]
        thickness = half_thickness * self._scale
        self._add(kernel.TRIANGLE, kernel.UNION, blend, (*np.concatenate(corners), thickness))
        for corner in corners:
            self._grow(corner, thickness)

    def halfspace(self, point: Vector, normal: Vector, blend: float = 1.0) -> None:
        """Keep only what lies behind the plane (against ``normal``)."""
        n = np.asarray(normal, dtype=np.float64) / np.linalg.norm(normal)
        self._add(kernel.HALFSPACE, kernel.INTERSECT, blend, (*self.point(point), *n))

    def plate(self, row: Sequence[float], tables: np.ndarray, corners: Points3, blend: float = 4.0) -> None:
        """A curved sheet given by tables over a plane (already in the subject's bone frame)."""
        self._add(kernel.PLATE, kernel.UNION, blend, row)
        self._tables = np.ascontiguousarray(tables, dtype=np.float64)
        self._grow(corners.min(axis=0), 0.0)
        self._grow(corners.max(axis=0), 0.0)

    def accent(self, points: Sequence[Vector], reach: float, *, cortex: float = 0.0, spongy: float = 0.0) -> None:
        """Along a line the cortex is ``cortex`` mm thicker and the spongiosa 1 + ``spongy`` times as dense.

        Both fade as exp(-(distance / reach)^2). One point makes a ball.
        """
        line = [self.point(point) for point in points]
        for a, b in pairwise(line if len(line) > 1 else line * 2):
            self._accents.append((bone_kernel.ALONG, *a, *b, reach * self._scale, cortex, spongy, 0.0))

    def endplates(self, centre: Vector, axis: Vector, half_height: float, reach: float, *, cortex: float) -> None:
        """Both ends of a body along ``axis`` have ``cortex`` mm more compact bone, out to ``reach``."""
        c, direction, s = self.point(centre), np.asarray(axis) / np.linalg.norm(axis), self._scale
        self._accents.append((bone_kernel.ENDPLATES, *c, *direction, reach * s, cortex, 0.0, half_height * s))

    def build(self) -> Solid:
        """The finished solid in its own frame."""
        accents = np.array(self._accents, dtype=np.float64).reshape(-1, bone_kernel.ACCENT_ROW)
        return Solid(np.stack(self._rows), self._tables, self._low - 2.0, self._high + 2.0, accents=accents)

    def _add(self, kind: int, operation: int, blend: float, values: Sequence[float]) -> None:
        row = np.zeros(kernel.ROW)
        row[:3] = kind, operation, blend * self._scale
        row[3 : 3 + len(values)] = values
        self._rows.append(row)

    def _grow(self, point: np.ndarray, radius: float) -> None:
        self._low = np.minimum(self._low, point - radius)
        self._high = np.maximum(self._high, point + radius)
