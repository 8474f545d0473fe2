"""The pelvis' own axes, so that a patient lying askew has the same landmarks.

Lateral axis and midplane: the plane that mirrors one hip bone onto the other. Tilt: laid face down,
the hip bones rest on the iliac spines above and the pubic tubercles below; that support plane is the
anterior pelvic plane (Lewinnek et al., JBJS 1978). Lying on the back it leans forward by 4 to 10 degrees
(7 here), so the frame agrees with the table's axes for a patient lying straight.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.spatial import ConvexHull, QhullError, cKDTree

from synthex.anatomy.hip_landmarks.bone_surface import BoneSurface
from synthex.core import Rigid
from synthex.core.arrays import Point3, Points3

NEUTRAL_TILT_DEG = 7.0
"""Forward lean of the anterior pelvic plane in the frame (real CT of the tests 5.5, mesh pelvis 9.5)."""


@dataclass(frozen=True, eq=False)
class PelvicFrame:
    """Frame axes: x to the patient's right, y anterior, z superior; x = 0 on the midplane.

    Attributes:
        frame_from_world: Rigid map, mm.
        spine_level: (y, z) of the upper contact of the anterior pelvic plane, near the ASIS; None without it.
        pubic_level: (y, z) of the lower contact, at the pubic tubercles; None without it.
        reliability: In (0, 1]: 1 when both axes come from the bones.
        mirrored: Whether the midplane is the mirror plane of two hip bones.
        mirror_residual: Median distance between one side and the mirrored other, mm.
    """

    frame_from_world: Rigid
    spine_level: np.ndarray | None
    pubic_level: np.ndarray | None
    reliability: float
    mirrored: bool
    mirror_residual: float


def find_frame(left: BoneSurface | None, right: BoneSurface | None, heads: Points3 | None) -> PelvicFrame:
    """Frame of the pelvis.

    Args:
        left: Left hip bone.
        right: Right hip bone.
        heads: 2 x 3, left and right head centres, or None; they give the lateral axis when a hip bone is missing.
    """
    residual, reliability = 0.0, 1.0
    mirrored = left is not None and right is not None
    if left is not None and right is not None:
        lateral, middle, residual = _mirror_plane(left.points, right.points)
    elif heads is not None:
        lateral, middle, reliability = _unit(heads[1] - heads[0]), heads.mean(axis=0), 0.8
    else:
        bone = left or right
        middle = np.zeros(3) if bone is None else bone.points.mean(axis=0)
        lateral, reliability = np.array((1.0, 0.0, 0.0)), 0.5
    upright = _rigid(lateral, np.array((0.0, 0.0, 1.0)), middle)
    surfaces = [upright.apply(bone.points) for bone in (left, right) if bone is not None]
    plane = _anterior_plane(np.concatenate(surfaces)[:, 1:]) if surfaces else None
    if plane is None:
        return PelvicFrame(upright, None, None, 0.6 * reliability, mirrored, residual)
    lean = np.arctan2(plane[1, 0] - plane[0, 0], plane[1, 1] - plane[0, 1]) - np.radians(NEUTRAL_TILT_DEG)
    up = upright.linear.T @ np.array((0.0, np.sin(lean), np.cos(lean)))
    frame = _rigid(lateral, up, middle)
    contacts = (upright.linear.T @ np.array([(0.0, y, z) for y, z in plane]).T).T + upright.inverse().translation
    levels = frame.apply(contacts)[:, 1:]
    return PelvicFrame(frame, levels[1], levels[0], reliability, mirrored, residual)


def _mirror_plane(left: Points3, right: Float[np.ndarray, "M 3"]) -> tuple[Point3, Point3, float]:
    """Normal (towards the right), a point on the plane, and the median residual in mm.

    Iterated closest points (Besl and McKay, PAMI 1992) between the right bone and the mirrored left one;
    the best improper rotation (Umeyama, PAMI 1991, with the sign turned) has the normal as the
    eigenvector of its symmetric part nearest -1.
    """
    left, right = left[:: max(1, len(left) // 4000)], right[:: max(1, len(right) // 12000)]
    tree = cKDTree(right)
    normal, middle = _unit(right.mean(axis=0) - left.mean(axis=0)), (left.mean(axis=0) + right.mean(axis=0)) / 2
    distance = np.zeros(1)
    for _ in range(40):
        mirrored = left - 2 * ((left - middle) @ normal)[:, None] * normal
        distance, index = tree.query(mirrored)
        keep = distance <= np.quantile(distance, 0.8)
        source, target = left[keep], right[index[keep]]
        a, b = source.mean(axis=0), target.mean(axis=0)
        u, _, vt = np.linalg.svd((target - b).T @ (source - a))
        mirror = u @ np.diag((1.0, 1.0, -np.linalg.det(u @ vt))) @ vt
        found = np.linalg.eigh((mirror + mirror.T) / 2)[1][:, 0]
        found = found * np.sign(found @ normal)
        moved = np.linalg.norm(found - normal) + abs(((a + b) / 2 - middle) @ found) / 100
        normal, middle = found, (a + b) / 2
        if moved < 1e-5:
            break
    return normal, middle, float(np.median(distance))


def _anterior_plane(profile: np.ndarray) -> np.ndarray | None:
    """Lower and upper contact (y, z) of the support line in front, from the side view; None if there is none."""
    try:
        corners = profile[ConvexHull(profile).vertices]
    except (QhullError, ValueError):
        return None
    step = np.roll(corners, -1, axis=0) - corners  # counter-clockwise: the front is walked upwards
    length = np.hypot(step[:, 0], step[:, 1])
    lean = np.degrees(np.arctan2(step[:, 0], step[:, 1]))
    fits = (length > 60) & (length < 140) & (np.abs(lean) < 35)
    if not fits.any():
        return None
    best = int(np.argmax(np.where(fits, length, 0)))
    return np.array((corners[best], corners[best] + step[best]))


def _rigid(lateral: Point3, up: Point3, origin: Point3) -> Rigid:
    """Frame whose x axis is ``lateral`` and whose z axis is as near ``up`` as that allows."""
    z = _unit(up - (up @ lateral) * lateral)
    rotation = np.array((lateral, np.cross(z, lateral), z))
    return Rigid.from_parts(rotation, -rotation @ origin)


def _unit(vector: Point3) -> Point3:
    return vector / np.linalg.norm(vector)
