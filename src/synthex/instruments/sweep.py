"""Closed surfaces of swept tubes and of bodies of revolution, turned outwards.

A circle becomes a polygon of the same area, so that volumes and mean thicknesses are those of the round body:
corners lie slightly outside of the radius asked for, the middles of sides slightly inside.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

Surface = tuple[Float[np.ndarray, "_ 3"], Int[np.ndarray, "_ 3"]]
"""Vertices in mm and triangles of them, outside where the corners run counter-clockwise."""

_FOLDED = 1e-6
"""Least cosine between a segment and the normal of the mitre plane at its end: at less, a polyline doubles back."""


def area_radius(radius: float | int, sides: int) -> float:
    """Radius of the corners of a regular polygon that has the area of a circle of ``radius``."""
    return float(radius * np.sqrt(2 * np.pi / sides / np.sin(2 * np.pi / sides)))


def swept_tube(
    points: Float[np.ndarray, "P 3"],
    radius_mm: float | int | Float[np.ndarray, "P"],
    sides: int = 24,
    inner_radius_mm: float | int | None = None,
    reference: Float[np.ndarray, "3"] | None = None,
) -> Surface:
    """A solid or hollow tube along a polyline, with flat ends.

    Cross-sections turn as little as they can from segment to segment (rotation-minimising frames, Bishop 1975,
    Amer. Math. Monthly 82:246); at corners segments meet in a mitre, so that they keep their thickness.

    Args:
        points: The centre line, at least two points, mm.
        radius_mm: Of the tube, or at each point; 0 at an end makes a cone's apex.
        sides: Of the polygon that stands for the circle.
        inner_radius_mm: Of the lumen, open at both ends; None for a solid rod.
        reference: Direction that the first corner of the first cross-section lies in, as far as it is
            perpendicular to the first segment; None for any.

    Raises:
        ValueError: Fewer than two points or three sides, points that coincide, a line that doubles back, or a
            lumen that is not thinner than the tube.
    """
    points = np.asarray(points, dtype=np.float64)
    if len(points) < 2 or sides < 3:
        raise ValueError(f"a tube needs two points and three sides, got {len(points)} and {sides}")
    radii = np.broadcast_to(np.asarray(radius_mm, dtype=np.float64), len(points))
    if (radii < 0).any() or not (radii > 0).any():
        raise ValueError("a tube needs a positive radius")
    rings = section_offsets(points, sides, reference)
    scale = area_radius(1.0, sides)
    outer = points[:, None] + scale * radii[:, None, None] * rings
    if inner_radius_mm is None:
        return _skin(outer, closed=False)
    if not 0 < inner_radius_mm < radii.min():
        raise ValueError(f"a lumen of radius {inner_radius_mm} mm does not fit a tube of {radii.min()} mm")
    inner = points[:, None] + scale * float(inner_radius_mm) * rings
    return _skin(np.concatenate([outer, inner[::-1]]), closed=True)


def section_offsets(
    points: Float[np.ndarray, "P 3"], sides: int, reference: Float[np.ndarray, "3"] | None = None
) -> Float[np.ndarray, "P S 3"]:
    """Corners of cross-sections of radius 1 about each point of a polyline, in its mitre planes.

    Seen against the direction of the line, corners run counter-clockwise.

    Raises:
        ValueError: Points coincide, or the line doubles back.
    """
    steps = np.diff(points, axis=0)
    lengths = np.linalg.norm(steps, axis=1)
    if not (lengths > 0).all():
        raise ValueError("a tube's neighbouring points must differ")
    steps = steps / lengths[:, None]
    start = _perpendicular(steps[0], reference)
    angles = 2 * np.pi * np.arange(sides) / sides
    ring = np.cos(angles)[:, None] * start + np.sin(angles)[:, None] * np.cross(steps[0], start)
    offsets = np.empty((len(points), sides, 3))
    offsets[0] = ring
    for number in range(1, len(points) - 1):
        before, after = steps[number - 1], steps[number]
        middle = before + after
        middle = middle / max(float(np.linalg.norm(middle)), _FOLDED)
        cosine = float(middle @ before)
        if cosine < _FOLDED:
            raise ValueError(f"a tube's line doubles back at point {number}")
        offsets[number] = ring - np.outer(ring @ middle / cosine, before)
        # The least rotation between the directions, on vectors across the first: what it changes lies along the
        # bisector.
        ring = ring - np.outer(ring @ after / cosine, middle)
    offsets[-1] = ring
    return offsets


def lathe(profile: Float[np.ndarray, "K 2"], sides: int = 24) -> Surface:
    """A body of revolution about z.

    Args:
        profile: (z, radius) of K points in mm. Ends that are not on the axis are closed by flat discs; a profile
            whose last point is its first one is a ring.
        sides: Of the polygon that stands for the circle.

    Raises:
        ValueError: Too few points or sides, a negative radius, or no volume.
    """
    profile = np.asarray(profile, dtype=np.float64)
    if len(profile) < 2 or sides < 3:
        raise ValueError(f"a body of revolution needs two points and three sides, got {len(profile)} and {sides}")
    if (profile[:, 1] < 0).any():
        raise ValueError("a body of revolution needs radii of at least 0")
    closed = len(profile) > 3 and np.array_equal(profile[0], profile[-1])
    if closed:
        profile = profile[:-1]
    angles = 2 * np.pi * np.arange(sides) / sides
    radii = area_radius(1.0, sides) * profile[:, 1]
    rings = np.empty((len(profile), sides, 3))
    rings[..., 0] = radii[:, None] * np.cos(angles)
    rings[..., 1] = radii[:, None] * np.sin(angles)
    rings[..., 2] = profile[:, :1]
    return _skin(rings, closed=closed)


def merge_surfaces(parts: Sequence[Surface]) -> Surface:
    """Several surfaces as one; where they overlap they are one body (see :class:`synthex.core.Solid`).

    Raises:
        ValueError: There are none.
    """
    if not parts:
        raise ValueError("there are no surfaces to merge")
    first = np.cumsum([0, *(len(vertices) for vertices, _ in parts)])
    faces = [faces + start for (_, faces), start in zip(parts, first, strict=False)]
    return np.concatenate([vertices for vertices, _ in parts]), np.concatenate(faces)


def enclosed_volume(surface: Surface) -> float:
    """Volume inside a closed surface in mm3, negative for one turned inwards (divergence theorem)."""
    vertices, faces = surface
    a, b, c = (vertices[faces[:, corner]] - vertices.mean(axis=0) for corner in range(3))
    return float(np.einsum("fi,fi->", a, np.cross(b, c)) / 6)


def _skin(rings: Float[np.ndarray, "R S 3"], *, closed: bool) -> Surface:
    """Triangles between neighbouring rings, ends closed by fans or, ``closed``, by joining them.

    A ring at an end that is one point is the apex of its fan.
    """
    apexes = rings[[0, -1]].mean(axis=1)
    if not closed:
        pointed = [bool((np.ptp(ring, axis=0) == 0).all()) for ring in (rings[0], rings[-1])]
        rings = rings[int(pointed[0]) : len(rings) - int(pointed[1])]
        if not len(rings):
            raise ValueError("the surface encloses no volume")
    count, sides = rings.shape[:2]
    near = np.arange(count if closed else count - 1)
    corner = np.arange(sides)
    low = near[:, None] * sides + corner
    low_next = near[:, None] * sides + (corner + 1) % sides
    high = (near[:, None] + 1) % count * sides + corner
    high_next = (near[:, None] + 1) % count * sides + (corner + 1) % sides
    parts = [np.stack([low, low_next, high_next], axis=-1), np.stack([low, high_next, high], axis=-1)]
    vertices = rings.reshape(-1, 3)
    if not closed:
        ends = len(vertices) + np.zeros(sides, dtype=np.int64)
        following = (corner + 1) % sides
        last = (count - 1) * sides
        parts.append(np.stack([ends, following, corner], axis=-1))
        parts.append(np.stack([ends + 1, last + corner, last + following], axis=-1))
        vertices = np.concatenate([vertices, apexes])
    faces = np.concatenate([part.reshape(-1, 3) for part in parts])
    volume = enclosed_volume((vertices, faces))
    if volume == 0:
        raise ValueError("the surface encloses no volume")
    return vertices, faces if volume > 0 else faces[:, ::-1].copy()


def _perpendicular(axis: Float[np.ndarray, "3"], towards: Float[np.ndarray, "3"] | None) -> Float[np.ndarray, "3"]:
    """A unit vector perpendicular to ``axis``, the nearest one to ``towards`` where that is given."""
    wanted = np.eye(3)[int(np.argmin(np.abs(axis)))] if towards is None else np.asarray(towards, dtype=np.float64)
    across = wanted - (wanted @ axis) * axis
    length = float(np.linalg.norm(across))
    if length <= _FOLDED * float(np.linalg.norm(wanted)):
        raise ValueError("the reference direction must not run along the tube")
    return across / length
