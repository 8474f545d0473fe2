"""Catheters, cables and other thin things that bend: smooth lines through points, and tubes along them."""

import numpy as np
from jaxtyping import Float
from scipy.interpolate import CubicSpline

from synthex.core.arrays import Points3
from synthex.instruments.sweep import Surface, section_offsets, swept_tube

STEP_MM = 5.0
"""Distance of the points of a smooth line: our choice. At the least radius that a catheter bends to in a vessel
(15 mm) the chord stays within 0.2 mm of the arc."""

_SIDES = 8


def smooth_line(points: Float[np.ndarray, "N D"], step_mm: float | int = STEP_MM) -> Float[np.ndarray, "M D"]:
    """A smooth curve through points: a natural cubic spline over the chord lengths, about ``step_mm`` apart.

    The curve passes through every point, and its first and last points are theirs.

    Args:
        points: At least two of D coordinates, neighbours apart, mm.
        step_mm: Distance of the points of the result, measured along the chords.

    Raises:
        ValueError: Fewer than two points, neighbours that coincide, or a step that is not positive.
    """
    chords = np.linalg.norm(np.diff(points, axis=0), axis=1)
    if len(points) < 2 or not (chords > 0).all() or not step_mm > 0:
        raise ValueError("a smooth line needs two points or more, neighbours apart, and a positive step")
    at = np.concatenate([[0.0], np.cumsum(chords)])
    counts = np.maximum(1, np.ceil(chords / step_mm)).astype(int)
    parts = [np.linspace(a, b, n, endpoint=False) for a, b, n in zip(at[:-1], at[1:], counts, strict=True)]
    return np.asarray(CubicSpline(at, points, bc_type="natural")(np.concatenate([*parts, at[-1:]])))


def rod(line: Points3, diameter_mm: float | int, sides: int = _SIDES) -> Surface:
    """A solid strand along a line: cable, catheter, lead.

    Raises:
        ValueError: As :func:`synthex.instruments.sweep.swept_tube`.
    """
    return swept_tube(line, diameter_mm / 2, sides)


def striped_tube(
    line: Points3, diameter_mm: float | int, wall_mm: float | int, stripe_mm: float | int, sides: int = 12
) -> tuple[Surface, Surface]:
    """A tube with an open lumen, and the strand in its wall that makes it visible to X-rays.

    Args:
        line: Its centre line.
        diameter_mm: Outer.
        wall_mm: Thickness.
        stripe_mm: Diameter of the strand, whose middle lies in the middle of the wall.
        sides: Of the polygons that stand for circles.

    Raises:
        ValueError: A wall that leaves no lumen, or as :func:`synthex.instruments.sweep.swept_tube`.
    """
    tube = swept_tube(line, diameter_mm / 2, sides, inner_radius_mm=diameter_mm / 2 - wall_mm)
    along = line + (diameter_mm - wall_mm) / 2 * section_offsets(line, sides)[:, 0]
    return tube, swept_tube(along, stripe_mm / 2, _SIDES)
