"""The obturator foramen: its axis, its rim, and the rim's lowest and most medial point."""

import numpy as np
from jaxtyping import Float
from scipy import ndimage

from synthex.anatomy.hip_landmarks.bone_surface import BoneSurface
from synthex.anatomy.hip_landmarks.result import NotFoundError, Spot
from synthex.core.arrays import Matrix3, Point3, Points3

SMALLEST_MM2 = 100.0
"""A foramen seen along its axis has 500-1200 mm2; smaller holes are label errors."""

RIM_SECTORS = 72


def find_foramen_points(bone: BoneSurface, joint: Point3) -> tuple[Spot, Spot]:
    """Inferior (IOF) and medial (MOF) point of the foramen's rim, in the side frame.

    The foramen's axis is the direction along which the hole is largest; in that projection the rim is the
    outline of the hole. Its 3-D contour is the bone surface that bounds the hole, sector by sector.

    Args:
        bone: Hip bone in the side frame (x lateral, y anterior, z superior).
        joint: Hip centre in the side frame, mm.

    Raises:
        NotFoundError: No closed ring: the bone ends inside the foramen, or has none.
    """
    inside = _ring_region(bone.inside, joint)
    if len(inside) < 100:
        raise NotFoundError("the pubis and ischium are not in the volume")
    axes, hole = _best_axis(inside, bone.spacing_mm)
    contour = _rim(_ring_region(bone.points, joint) @ axes.T, hole, bone.spacing_mm)
    rim = contour @ axes
    return _extreme_of_rim(rim, np.array((0.0, 0.0, -1.0))), _extreme_of_rim(rim, np.array((-1.0, 0.0, 0.0)))


def _ring_region(points: Points3, joint: Point3) -> Points3:
    """The part of the hip bone around the foramen."""
    keep = (points[:, 2] < joint[2] + 8) & (points[:, 2] > joint[2] - 90)
    return points[keep]


def _best_axis(inside: Points3, spacing_mm: float) -> tuple[Matrix3, Float[np.ndarray, "2"]]:
    """Projection axes (rows u, v, w; w along the foramen) and the hole's centroid (u, v)."""
    pixel = max(2.0, 1.25 * spacing_mm)
    points = inside[:: max(1, int(len(inside) * spacing_mm**3 // 120000))]
    best = (0.0, 0.0, 0.0)
    for step, reach in ((15.0, 60.0), (5.0, 10.0)):
        turns = np.arange(-reach, reach + 1, step)
        _, turn0, tilt0 = best
        trials = [(turn0 + a, tilt0 + b) for a in turns for b in turns]
        areas = [(_largest_hole(points @ _axes(a, b).T, pixel)[0], a, b) for a, b in trials]
        best = max(areas)
        if best[0] < SMALLEST_MM2:
            raise NotFoundError("no closed obturator foramen in the volume")
    # The area is flat around its maximum: the mean of the good directions is steadier than the best one.
    weights = np.array([max(area - 0.9 * best[0], 0.0) for area, _, _ in areas])
    turn, tilt = (weights / weights.sum()) @ np.array([(a, b) for _, a, b in areas])
    axes = _axes(float(turn), float(tilt))
    return axes, _largest_hole(points @ axes.T, pixel)[1]


def _axes(turn_deg: float, tilt_deg: float) -> Matrix3:
    """Rows u (lateral), v (up), w (viewing axis), turned about z and then tilted."""
    a, b = np.radians((turn_deg, tilt_deg))
    w = np.array((np.sin(a) * np.cos(b), -np.cos(a) * np.cos(b), np.sin(b)))
    u = np.array((np.cos(a), np.sin(a), 0.0))
    return np.array((u, np.cross(w, u), w))


def _largest_hole(projected: Points3, pixel: float) -> tuple[float, Float[np.ndarray, "2"]]:
    """Area in mm2 and centroid of the largest hole enclosed by the projected bone."""
    low = projected[:, :2].min(axis=0)
    cells = ((projected[:, :2] - low) / pixel).astype(int) + 2
    mask = np.zeros(tuple(cells.max(axis=0) + 3), dtype=bool)
    mask[cells[:, 0], cells[:, 1]] = True
    holes, count = ndimage.label(ndimage.binary_fill_holes(mask) & ~mask)
    if count == 0:
        return 0.0, np.zeros(2)
    sizes = np.bincount(holes.ravel())[1:]
    largest = int(np.argmax(sizes))
    centroid = np.argwhere(holes == largest + 1).mean(axis=0)
    return float(sizes[largest] * pixel**2), (centroid - 2 + 0.5) * pixel + low


def _rim(surface: Points3, hole: Float[np.ndarray, "2"], spacing_mm: float) -> Points3:
    """The surface that bounds the hole: sector by sector the points nearest its axis, smoothed along the rim."""
    offset = surface[:, :2] - hole
    radius = np.hypot(offset[:, 0], offset[:, 1])
    near = radius < 45
    surface, offset, radius = surface[near], offset[near], radius[near]
    angle = np.arctan2(offset[:, 1], offset[:, 0])
    half_width = np.pi / RIM_SECTORS + spacing_mm / 30  # wide enough to hold points at 15 mm radius
    rim = []
    for center in np.arange(RIM_SECTORS) * 2 * np.pi / RIM_SECTORS:
        inside = np.abs((angle - center + np.pi) % (2 * np.pi) - np.pi) < half_width
        if not inside.any():
            raise NotFoundError("the obturator foramen is open")
        r = radius[inside]
        weight = np.clip(r.min() + max(0.5, 0.5 * spacing_mm) - r, 0.0, None)
        mean = weight @ surface[inside] / weight.sum()
        rim.append((hole[0] + r.min() * np.cos(center), hole[1] + r.min() * np.sin(center), mean[2]))
    smooth = np.array(rim)
    smooth[:, 2] = ndimage.gaussian_filter1d(smooth[:, 2], 2.0, mode="wrap")
    return smooth


def _extreme_of_rim(rim: Points3, direction: Point3) -> Spot:
    """The rim's extreme point: parabola through the highest sector and its neighbours."""
    height = ndimage.gaussian_filter1d(rim @ direction, 1.0, mode="wrap")
    top = int(np.argmax(height))
    window = [(top + k) % len(rim) for k in range(-4, 5)]
    weight = np.clip(height[window] - height[window].min(), 1e-6, None) ** 2
    position = weight @ rim[window] / weight.sum()
    position = position + (rim[window] @ direction - position @ direction).max() * direction
    drop = float(height[top] - height[window].mean())
    return Spot(position, float(drop / (drop + 0.3)))
