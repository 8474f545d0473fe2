"""Masks as short SVG paths: an outline of a few hundred characters says what a picture says in kilobytes."""

import numpy as np
from contourpy import contour_generator
from jaxtyping import Bool, Float
from PIL import Image as PilImage

UNITS = 2
"""Units of a path in one pixel of its picture: half pixels, finer than the eye sees and still small integers."""

_TOLERANCE = 0.9  # how far a simplified outline may leave the true one, units: our choice, below half a pixel


def outline(mask: Bool[np.ndarray, "H W"], rows: int, columns: int) -> str:
    """The border of a mask on a picture of ``rows`` x ``columns`` pixels, as the ``d`` of an SVG path.

    The mask is averaged over the picture's pixels and cut at one half. Holes are rings of their own, so the path fills
    by the even-odd rule. Empty where nothing of the mask is left at that size.
    """
    if not mask.any():
        return ""
    gray = PilImage.fromarray(mask.astype(np.uint8) * 255)
    small = np.asarray(gray.resize((columns, rows), PilImage.Resampling.BOX), dtype=np.float64)
    # A rim of zeros closes outlines at the border of the picture; pixel centres are at +0.5.
    lines = contour_generator(np.arange(columns + 2) - 0.5, np.arange(rows + 2) - 0.5, np.pad(small, 1)).lines(127.5)
    return "".join(_ring(np.asarray(line, dtype=np.float64)) for line in lines)


def _ring(line: Float[np.ndarray, "N 2"]) -> str:
    points = np.rint(simplify(line * UNITS, _TOLERANCE)).astype(np.int64)
    steps = np.diff(points, axis=0)
    steps = steps[(steps != 0).any(axis=1)][:-1]  # z draws the last step
    if len(steps) < 2:
        return ""
    return f"M{points[0, 0]} {points[0, 1]}l" + " ".join(f"{x} {y}" for x, y in steps) + "z"


def simplify(line: Float[np.ndarray, "N 2"], tolerance: float) -> Float[np.ndarray, "M 2"]:
    """A polyline with fewer points, none of the others further than ``tolerance`` from it (Douglas and Peucker 1973).

    A closed line stays closed.
    """
    keep = np.zeros(len(line), dtype=bool)
    keep[[0, -1]] = True
    parts = [(0, len(line) - 1)]
    while parts:
        first, last = parts.pop()
        if last - first < 2:
            continue
        inner, start = line[first + 1 : last], line[first]
        chord = line[last] - start
        length = float(np.hypot(*chord))
        away = inner - start
        if length > 0:
            # Distance from the segment, not from its endless line: an outline may turn back behind its ends.
            along = np.clip(away @ chord / length**2, 0.0, 1.0)
            away = away - along[:, None] * chord
        distance = np.hypot(away[:, 0], away[:, 1])
        farthest = int(distance.argmax())
        if distance[farthest] > tolerance:
            middle = first + 1 + farthest
            keep[middle] = True
            parts += [(first, middle), (middle, last)]
    return line[keep]
