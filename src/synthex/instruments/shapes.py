"""Primitive bodies of a user's instrument: cylinder, cone, capsule, tube, sphere and box, about +z."""

import numpy as np
from jaxtyping import Float

from synthex.core import Rigid
from synthex.core.arrays import Matrix3, Point3
from synthex.instruments.sweep import Surface, lathe

SIDES = 32
"""Of the polygons that stand for circles of primitives: our choice. Corners then lie 0.3 % outside of the circle
and the middles of sides 0.2 % inside."""

_CAP_RINGS = 8
"""Rings of a hemisphere, our choice: as fine along it as around it."""


def cylinder(radius_mm: float | int, length_mm: float | int) -> Surface:
    """From z = 0 to ``length_mm``."""
    return lathe(np.array([(0, radius_mm), (length_mm, radius_mm)], dtype=np.float64), SIDES)


def cone(radius_mm: float | int, length_mm: float | int, tip_radius_mm: float | int = 0.0) -> Surface:
    """From ``radius_mm`` at z = 0 to ``tip_radius_mm`` at z = ``length_mm``."""
    return lathe(np.array([(0, radius_mm), (length_mm, tip_radius_mm)], dtype=np.float64), SIDES)


def capsule(radius_mm: float | int, length_mm: float | int) -> Surface:
    """A cylinder from z = 0 to ``length_mm`` with a hemisphere on either end."""
    near, far = _arc(radius_mm, -90, 0), _arc(radius_mm, 0, 90)
    far[:, 0] += length_mm
    return lathe(np.concatenate([near, far]), SIDES)


def tube(radius_mm: float | int, inner_radius_mm: float | int, length_mm: float | int) -> Surface:
    """From z = 0 to ``length_mm``, open at both ends."""
    corners = [(0, inner_radius_mm), (0, radius_mm), (length_mm, radius_mm), (length_mm, inner_radius_mm)]
    return lathe(np.array([*corners, corners[0]], dtype=np.float64), SIDES)


def sphere(radius_mm: float | int) -> Surface:
    """About the origin."""
    return lathe(np.concatenate([_arc(radius_mm, -90, 0), _arc(radius_mm, 0, 90)[1:]]), SIDES)


def box(size_mm: Point3) -> Surface:
    """With edges along the axes, about the origin."""
    corners = np.array([(x, y, z) for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (-0.5, 0.5)])
    quads = np.array([(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)])
    return corners * size_mm, np.concatenate([quads[:, (0, 1, 2)], quads[:, (0, 2, 3)]])


def towards(axis: Point3) -> Matrix3:
    """The least rotation that takes +z to the unit vector ``axis`` (about x where that is -z)."""
    x, y, z = (float(part) for part in axis)
    if z < -1 + 1e-12:
        return np.diag((1.0, -1.0, -1.0))
    # Rodrigues' formula for the axis z cross a, without its division by zero at z.
    across = np.array(((0, 0, x), (0, 0, y), (-x, -y, 0)))
    return np.eye(3) + across + across @ across / (1 + z)


def placed(at_mm: Point3, axis: Point3) -> Rigid:
    """The map of a shape's own frame to one where its origin is at ``at_mm`` and its z runs along ``axis``."""
    return Rigid.from_parts(towards(axis), at_mm)


def _arc(radius_mm: float | int, start_deg: float | int, end_deg: float | int) -> Float[np.ndarray, "K 2"]:
    angles = np.deg2rad(np.linspace(start_deg, end_deg, _CAP_RINGS + 1))
    profile = np.stack([radius_mm * np.sin(angles), radius_mm * np.cos(angles)], axis=-1)
    profile[np.abs(np.abs(angles) - np.pi / 2) < 1e-9, 1] = 0.0
    return profile
