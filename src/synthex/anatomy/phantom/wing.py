"""The iliac wing: a curved sheet over a plane, thin in the fossa and thick at the crest."""

from itertools import pairwise

import numpy as np
from scipy.interpolate import CubicSpline, RBFInterpolator

from synthex.anatomy.implicit.kernel import polygon_distance
from synthex.anatomy.implicit.solids import SolidBuilder

# Middle surface of the template's right ilium, mm from midway between the hip centres, and half the
# bone's thickness there. Thickness: crest 9 to 14, fossa 2 to 5, pillar and gluteal tubercle 12 to 15,
# above the acetabulum 25 to 30 mm (Standring, Gray's Anatomy, 41st ed., ch. 80; Berry et al., J Anat
# 1999); overall height 200 to 220 and breadth of the wing 150 to 165 mm.
_SHEET = np.array(
    [
        # x, y, z, half thickness
        (63, -22, 30, 8), (70, 0, 22, 14), (86, 22, 25, 8),
        (64, -24, 42, 7.5), (74, 4, 42, 14), (92, 33, 42, 6.5),
        (50, -70, 55, 4), (61, -37, 55, 6.5), (70, -2, 55, 10.5), (87, 22, 55, 6.5), (102, 42, 55, 4.5),
        (51, -76, 65, 5), (56, -45, 65, 6), (63, -12, 65, 9), (89, 22, 65, 5), (116, 51, 66, 5.5),
        (45, -78, 80, 5.5), (55, -42, 80, 6.5), (66, -12, 80, 5.5), (89, 17, 80, 3), (104, 33, 80, 4),
        (120, 51, 80, 6),
        (40, -78, 95, 6.5), (53, -44, 95, 6.5), (63, -20, 95, 4.5), (85, 5, 95, 2), (107, 29, 95, 3),
        (126, 47, 95, 6.5),
        (43, -72, 110, 6), (58, -40, 110, 5), (84, -5, 110, 1.8), (107, 18, 110, 3), (129, 41, 110, 6.5),
        (49, -58, 125, 6), (65, -34, 125, 4), (85, -11, 125, 2.6), (105, 11, 125, 4.5), (123, 33, 125, 6.5),
        (63, -35, 140, 4.8), (85, -11, 140, 4.8), (110, 19, 140, 6), (88, -4, 149, 5.5),
    ],
    dtype=np.float64,
)  # fmt: skip

# Outline in the lateral view, from the anterior superior spine over the crest to the posterior spines,
# the sciatic notch and, hidden in the acetabulum, back to the anterior inferior spine.
_OUTLINE = np.array(
    [
        (118, 55, 70), (124, 54, 82), (129, 49, 96), (130, 42, 110), (124, 35, 126), (111, 20, 141), (90, 0, 149),
        (64, -34, 142), (49, -58, 127), (42, -73, 111), (38, -81, 95), (43, -82, 80), (49, -80, 66), (51, -76, 57),
        (54, -66, 51), (59, -50, 52.5), (64, -37, 53), (68, -28.5, 49), (69, -24, 40), (66, -25, 31), (60, -32, 20),
        (53, -40, 11), (52, -36, 0), (62, -14, 2), (72, 6, 8), (80, 18, 16),
        (89, 32, 25), (94, 41.5, 34), (96, 42.5, 42),
        (98, 41, 50), (102, 43, 56), (112, 50.5, 62),
    ],
    dtype=np.float64,
)  # fmt: skip

_ORIGIN = np.array((82.0, -10.0, 80.0))
_U_AXIS = np.array((0.5, np.sqrt(0.75), 0.0))
_V_AXIS = np.array((0.0, 0.0, 1.0))
_W_AXIS = np.array((np.sqrt(0.75), -0.5, 0.0))
_STEP_MM = 1.25
_MARGIN_MM = 18.0


def add_wing(builder: SolidBuilder, scale: float, fossa: float) -> None:
    """Add the ilium's sheet to a hip bone.

    Args:
        builder: The hip bone; its warp is applied to every control point.
        scale: Factor on the thickness.
        fossa: Extra factor on the thickness where the sheet is thin.
    """
    sheet = np.stack([builder.point(point) for point in _SHEET[:, :3]])
    outline = np.stack([builder.point(point) for point in _OUTLINE])
    axes = np.stack((_U_AXIS, _V_AXIS, _W_AXIS), axis=1)
    local, border = (sheet - _ORIGIN) @ axes, (outline - _ORIGIN) @ axes
    low, high = border[:, :2].min(axis=0) - _MARGIN_MM, border[:, :2].max(axis=0) + _MARGIN_MM
    u, v = (np.arange(low[n], high[n] + _STEP_MM, _STEP_MM) for n in range(2))
    grid = np.stack(np.meshgrid(u, v, indexing="ij"), axis=-1).reshape(-1, 2)
    half = _SHEET[:, 3] * scale
    thin = 1.0 + (fossa - 1.0) * np.clip((4.5 - _SHEET[:, 3]) / 2.0, 0.0, 1.0)
    fit = RBFInterpolator(local[:, :2], np.stack((local[:, 2], half * thin), axis=1), smoothing=3.0)
    height, thickness = fit(grid).reshape(len(u), len(v), 2).transpose(2, 0, 1)
    slope_u, slope_v = np.gradient(height, _STEP_MM)
    cosine = 1.0 / np.sqrt(1.0 + slope_u**2 + slope_v**2)
    distance = polygon_distance(grid, smooth_polygon(border[:, :2])).reshape(len(u), len(v))
    tables = np.stack((height, np.clip(thickness, 1.4 * scale, 16.0 * scale), cosine, distance))
    row = (*_ORIGIN, *_U_AXIS, *_V_AXIS, *_W_AXIS, low[0], low[1], _STEP_MM)
    spread = 9.0 * scale * _W_AXIS
    builder.plate(row, tables, np.concatenate((outline + spread, outline - spread, sheet + spread)))


def smooth_polygon(points: np.ndarray, per_segment: int = 8) -> np.ndarray:
    """A closed chord-length cubic spline through ``points``, (N, 2) to (per_segment * N, 2)."""
    closed = np.concatenate((points, points[:1]))
    length = np.concatenate(([0.0], np.cumsum(np.linalg.norm(np.diff(closed, axis=0), axis=1))))
    spline = CubicSpline(length, closed, bc_type="periodic")
    at = np.concatenate([np.linspace(a, b, per_segment, endpoint=False) for a, b in pairwise(length)])
    return np.ascontiguousarray(spline(at))
