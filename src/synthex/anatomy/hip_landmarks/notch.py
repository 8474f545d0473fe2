"""The greater sciatic notch where a frontal radiograph shows it: the corner of its arc."""

import numpy as np
from jaxtyping import Float
from scipy import ndimage
from scipy.spatial import ConvexHull

from synthex.anatomy.hip_landmarks.bone_surface import BoneSurface
from synthex.anatomy.hip_landmarks.result import NotFoundError, Spot
from synthex.core.arrays import Point3, Points3

Point2 = Float[np.ndarray, "2"]
BIN_MM = 1.0

LOWEST_ABOVE_JOINT = 8.0
"""mm: the notch's deepest point is 35-50 above the hip centre, the lesser notch is below it."""

DIRECTION = (3.0, 1.0)
"""Lateral and up, from inside the true pelvis: the arc is met where its roof has turned down to within 18 degrees of
the vertical. Of eight people, steeper and flatter directions (2:1, 5:2) lie within 1 to 6 mm."""

START_MM, START_ABOVE_JOINT_MM = 20.0, (-5.0, 55.0)
"""Rays start this far from the midline, inside the true pelvis, at heights from the hip centre in this range. They
rise by a third of their way, so that the wall (60 mm from the midline) is met 8 to 68 mm above the hip centre; the
corner lies 40 to 60 mm above it."""

LEAST_DROP_MM = 0.8
"""The roof has been reached where the rays above end so much nearer; without that the scan ends below the roof."""


def first_corner(border: Float[np.ndarray, " N"]) -> int | None:
    """Number of the first ray that gets farther than all below it and is followed by a drop of the roof."""
    top = 0
    for ray, reach in enumerate(border):
        if reach > border[top]:
            top = ray
        elif reach < border[top] - LEAST_DROP_MM and top > 0:
            return top
    return None


def find_notch(bone: BoneSurface, joint: Point3) -> Spot:
    """Corner of the notch's arc, in the side frame.

    Place in the frontal view: rays run from inside the true pelvis outwards in :data:`DIRECTION`; each stops at the
    first bone of the silhouette. Walking up the wall they get ever farther; the last before the roof comes in ends at
    the corner. Depth: that of the notch's apex in the side view, because the frontal silhouette follows the wall from
    brim to notch and its own depth is arbitrary.

    Args:
        bone: Hip bone in the side frame (x lateral, y anterior, z superior).
        joint: Hip centre in the side frame, mm.

    Raises:
        NotFoundError: The posterior border has no such bay inside the volume, or its roof is outside.
    """
    apex = _side_view(bone, joint)
    (lateral, height), clarity = _front_view(bone, joint)
    return Spot(np.array((lateral, apex.position[1], height)), clarity * apex.clarity**0.5)


def _front_view(bone: BoneSurface, joint: Point3) -> tuple[Point2, float]:
    """Lateral place and height of the arc's corner, and how sharp it is."""
    outward = np.array(DIRECTION) / np.linalg.norm(DIRECTION)
    across = np.array((-outward[1], outward[0]))
    step = max(BIN_MM, bone.spacing_mm)
    p = bone.points[(bone.points[:, 2] > joint[2]) & (bone.points[:, 2] < joint[2] + 90) & (bone.points[:, 0] > 5)]
    first, last = (float(across @ (START_MM, joint[2] + height)) for height in START_ABOVE_JOINT_MM)
    ray, reach = p[:, (0, 2)] @ across, p[:, (0, 2)] @ outward
    count = int((last - first) / step)
    bins = np.floor((ray - first) / step).astype(int)
    keep = (bins >= 0) & (bins < count)
    border = np.full(count, np.inf)
    np.minimum.at(border, bins[keep], reach[keep])
    # From below the corner to the roof: one stretch of rays that all end on bone.
    stopped = np.isfinite(border)
    length = count if stopped.all() else int(np.argmin(stopped))
    top = first_corner(ndimage.gaussian_filter1d(border[:length], 1.0 / step)) if length > 2 else None
    if top is None and length == count:
        top = int(np.argmax(border))  # no corner, but bone all the way: where the wall is farthest out
    if top is None:
        raise NotFoundError("the roof of the greater sciatic notch is not inside the volume")
    near = np.abs(ray - first - (top + 0.5) * step) < max(1.0, 0.75 * step)
    nearest = float(reach[near].min())
    weight = np.where(near, np.clip(nearest + max(0.7, 0.7 * step) - reach, 0.0, None), 0.0)
    around = [max(top - round(8.0 / step), 0), min(top + round(8.0 / step), length - 1)]
    sharpness = float(border[top] - border[around].mean())
    corner = weight @ p[:, (0, 2)] / weight.sum()
    return corner, float(np.clip(sharpness / 3.0, 0.5, 1.0))


def _side_view(bone: BoneSurface, joint: Point3) -> Spot:
    """Apex: the deepest point of the notch's border in the side view.

    In the side view (along the lateral axis) the chord from the posterior inferior iliac spine to the
    ischial spine closes the notch; the deepest point of the border is the one farthest from the chord.
    Both ends are corners of the outline's convex hull above the ischial spine, so no tilt enters.
    """
    p = bone.points
    region = p[(p[:, 1] < joint[1] + 5) & (p[:, 2] > joint[2] - 45) & (p[:, 2] < joint[2] + 105)]
    if len(region) < 100:
        raise NotFoundError("the posterior border of the ilium is not in the volume")
    step = max(BIN_MM, bone.spacing_mm)
    spine, apex = _first_guess(region, joint, step)
    ends = _chord(region[region[:, 2] > spine[1] - 0.5 * step][:, 1:], apex, spine)
    found = _deepest(region, ends, step)
    if found.position[2] < joint[2] + LOWEST_ABOVE_JOINT or ends[0, 1] < found.position[2] - 15:
        raise NotFoundError("the posterior border has no greater sciatic notch inside the volume")
    if len(bone.cut) and _nearest(bone.cut[:, 1:], ends[:1]) < 1.5 * step:
        raise NotFoundError("the volume's border cuts the greater sciatic notch")
    return found


def _nearest(points: Float[np.ndarray, "N 2"], ends: Float[np.ndarray, "M 2"]) -> float:
    """Distance from the ends to the nearest of the points."""
    return float(np.linalg.norm(points[:, None] - ends, axis=2).min())


def _first_guess(region: Points3, joint: Point3, step: float) -> tuple[Point2, Point2]:
    """Ischial spine and apex (y, z) from the rearmost bone at each height."""
    low = float(region[:, 2].min())
    bins = ((region[:, 2] - low) / step).astype(int)
    rear = np.full(bins.max() + 1, np.inf)
    np.minimum.at(rear, bins, region[:, 1])
    height = low + (np.arange(len(rear)) + 0.5) * step
    bay = (height > joint[2] + LOWEST_ABOVE_JOINT) & (height < joint[2] + 75) & np.isfinite(rear)
    if not bay.any():
        raise NotFoundError("the posterior border of the ilium is not in the volume")
    apex = int(np.argmax(np.where(bay, rear, -np.inf)))
    below = (height > joint[2] - 40) & (np.arange(len(rear)) < apex) & np.isfinite(rear)
    if not below.any():
        raise NotFoundError("the ischial spine is not in the volume")
    # Downwards from the apex the border recedes to the spine's tip, then comes forward into the lesser notch.
    smooth = ndimage.median_filter(np.where(np.isfinite(rear), rear, rear[apex]), 3)
    tip = apex
    for index in range(apex, int(np.flatnonzero(below)[0]) - 1, -1):
        if smooth[index] < smooth[tip]:
            tip = index
        elif tip < apex and smooth[index] > smooth[tip] + 2.0:
            break
    return np.array((rear[tip], height[tip])), np.array((rear[apex], height[apex]))


def _chord(outline: Float[np.ndarray, "N 2"], apex: Point2, spine: Point2) -> Float[np.ndarray, "2 2"]:
    """Upper and lower end of the hull edge that closes the bay around ``apex``."""
    corners = outline[ConvexHull(outline).vertices]
    best, shallowest = None, np.inf
    for first, second in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        edge = second - first
        length = float(np.hypot(*edge))
        along = float((apex - first) @ edge) / length**2
        depth = float(edge[0] * (apex - first)[1] - edge[1] * (apex - first)[0]) / length
        downwards = edge[1] < -0.3 * length  # counter-clockwise: the rear is walked downwards, the lower rim level
        if downwards and 0 < along < 1 and length > 15 and depth < shallowest:
            best, shallowest = np.array((first, second)), depth
    if best is None or shallowest < 5:
        raise NotFoundError("the posterior border has no greater sciatic notch inside the volume")
    return best


def _deepest(region: Points3, ends: Float[np.ndarray, "2 2"], step: float) -> Spot:
    """The border point farthest from the chord, seen from the chord."""
    edge = ends[1] - ends[0]
    length = float(np.hypot(*edge))
    along = edge / length
    inward = np.array((-along[1], along[0]))
    t, d = (region[:, 1:] - ends[0]) @ along, (region[:, 1:] - ends[0]) @ inward
    count = int(length / step)
    bins = np.floor(t / length * count).astype(int)
    keep = (bins >= 0) & (bins < count)
    border = np.full(count, np.inf)
    np.minimum.at(border, bins[keep], d[keep])
    if not np.isfinite(border).all():
        raise NotFoundError("the greater sciatic notch is open")
    inner = slice(max(1, count // 10), max(2, count - count // 10))
    top = inner.start + int(np.argmax(ndimage.gaussian_filter1d(border, 1.5 / step)[inner]))
    near = np.abs(t - (top + 0.5) * length / count) < max(1.0, 0.75 * step)
    floor = float(d[near].min())
    weight = np.where(near, np.clip(floor + max(0.7, 0.7 * step) - d, 0.0, None), 0.0)
    position = weight @ region / weight.sum()
    spread = float(np.mean(border[top] - border[max(top - 5, 0) : top + 6]))
    return Spot(position, float(np.clip(floor / 20, 0.2, 1.0) * (1 / (1 + max(0.0, 0.5 - spread)))))
