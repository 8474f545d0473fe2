"""The obturator foramen: its axis, its rim, and the rim's lowest and most medial point."""

import numpy as np
from jaxtyping import Float
from scipy import ndimage

from synthex.anatomy.hip_landmarks.bone_surface import BoneSurface
from synthex.anatomy.hip_landmarks.extremum import extreme_point
from synthex.anatomy.hip_landmarks.result import NotFoundError, Spot
from synthex.core.arrays import Matrix3, Point3, Points3

SMALLEST_MM2 = 100.0
"""A foramen seen along its axis has 500-1200 mm2; smaller holes are label errors."""

RIM_REACH_MM = 45.0
"""Half the window around the hole's middle: foramina are up to 60 mm long."""

DEPTH_REACH_MM = 32.0
"""Half the depth along the axis in which the ring of bone lies."""


def find_foramen_points(bone: BoneSurface, joint: Point3) -> tuple[Spot, Spot]:
    """Inferior (IOF) and medial (MOF) point of the foramen's rim, in the side frame.

    The foramen's axis is the direction along which the hole is largest; in that projection the rim is the
    outline of the hole, each point at the depth where its line of sight touches the bone.

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
    depth = float(np.median(_ring_region(bone.points, joint) @ axes[2]))
    rim = _rim(bone, axes, np.array((*hole, depth)))
    return _extreme_of_rim(rim, (0.0, 0.0, -1.0), bone.spacing_mm), _extreme_of_rim(
        rim, (-1.0, 0.0, 0.0), bone.spacing_mm
    )


def _ring_region(points: Points3, joint: Point3) -> Float[np.ndarray, "M 3"]:
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


def _rim(bone: BoneSurface, axes: Matrix3, middle: Point3) -> Points3:
    """Outline of the hole in 3-D, about one point per 0.7 mm.

    The densest bone along each line of sight makes a smooth picture whose 0.5 level is the outline, with
    sub-voxel precision; where along the line it was densest is the outline's depth.
    """
    pixel = 0.7
    half, deep = int(RIM_REACH_MM / pixel), np.arange(-DEPTH_REACH_MM, DEPTH_REACH_MM + 0.1, 1.0)
    steps = np.arange(-half, half + 1) * pixel
    u, v = np.meshgrid(steps, steps, indexing="ij")
    picture, depth = np.full(u.shape, -1.0), np.zeros(u.shape)
    for w in deep:
        local = np.stack((u.ravel(), v.ravel(), np.full(u.size, w)), axis=1) + middle
        level = bone.sample(local @ axes).reshape(u.shape)
        denser = level > picture
        picture, depth = np.where(denser, level, picture), np.where(denser, w, depth)
    parts, _ = ndimage.label(picture <= 0.5)
    hole = parts == parts[_nearest_open(picture, half)]
    if hole[0].any() or hole[-1].any() or hole[:, 0].any() or hole[:, -1].any():
        raise NotFoundError("the obturator foramen is open")
    found = []
    for axis in range(2):
        first = np.argwhere(np.diff(hole.astype(int), axis=axis) != 0)
        second = first + np.eye(2, dtype=int)[axis]
        a, b = tuple(first.T), tuple(second.T)
        share = ((0.5 - picture[a]) / (picture[b] - picture[a]))[:, None]
        plane = (first + share * (second - first) - half) * pixel
        # Inside the bone the densest spot is arbitrary: the depth is that on the hole's side.
        found.append(np.column_stack((plane, np.where(hole[a], depth[a], depth[b]))))
    return (np.concatenate(found) + middle) @ axes


def _nearest_open(picture: np.ndarray, half: int) -> tuple[int, int]:
    """The pixel nearest the picture's middle that sees no bone."""
    open_ = np.argwhere(picture <= 0.5)
    if len(open_) == 0:
        raise NotFoundError("no closed obturator foramen in the volume")
    row, column = open_[np.argmin(((open_ - half) ** 2).sum(axis=1))]
    return int(row), int(column)


def _extreme_of_rim(rim: Points3, direction: tuple[float, float, float], spacing_mm: float) -> Spot:
    return Spot(*extreme_point(rim, np.array(direction), spacing_mm))
