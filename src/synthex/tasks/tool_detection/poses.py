"""Many poses of an instrument at once, so that those that collide can be left out."""

import numpy as np
from jaxtyping import Float

from synthex.core import Rigid
from synthex.core.arrays import Point3, Points3

Poses = tuple[Float[np.ndarray, "K 3 3"], Float[np.ndarray, "K 3"]]
"""Rotations and translations, world from instrument."""

_STEP_MM = 2.0


def turned(directions: Float[np.ndarray, "K 3"], roll_deg: Float[np.ndarray, "K"]) -> Float[np.ndarray, "K 3 3"]:
    """Rotations that bring +z to ``directions`` (any length), turned about it by ``roll_deg``.

    At a roll of 0 the instrument's +y lies as near to A (forward in the body) as it can, or to S where the
    direction is within 8 degrees of A.
    """
    z = directions / np.linalg.norm(directions, axis=1, keepdims=True)
    up = np.where(np.abs(z[:, 1:2]) < 0.99, (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
    x = np.cross(up, z)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    y = np.cross(z, x)
    turn = np.deg2rad(roll_deg)[:, None]
    return np.stack((np.cos(turn) * x + np.sin(turn) * y, np.cos(turn) * y - np.sin(turn) * x, z), axis=2)


def tilted(axis: Point3, tilt_deg: Float[np.ndarray, "K"], azimuth: Float[np.ndarray, "K"]) -> Float[np.ndarray, "K 3"]:
    """Unit vectors ``tilt_deg`` away from a unit vector, at angles ``azimuth`` (rad) about it."""
    across = turned(axis[None], np.zeros(1))[0, :, :2]
    tilt = np.deg2rad(tilt_deg)[:, None]
    around = np.stack((np.cos(azimuth), np.sin(azimuth)), axis=1) @ across.T
    return np.cos(tilt) * axis + np.sin(tilt) * around


def placed(points: Points3, poses: Poses) -> Float[np.ndarray, "K P 3"]:
    """Points of the instrument in the world, for each pose."""
    rotations, translations = poses
    return np.einsum("kij,pj->kpi", rotations, points) + translations[:, None]


def pose(poses: Poses, index: int) -> Rigid:
    """One of them."""
    return Rigid.from_parts(poses[0][index], poses[1][index])


def resampled(points: Points3, step_mm: float = _STEP_MM) -> Float[np.ndarray, "P 3"]:
    """Points along a polyline, about ``step_mm`` apart, both ends included."""
    along = np.concatenate(([0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))))
    at = np.linspace(0.0, along[-1], max(2, int(np.ceil(along[-1] / step_mm)) + 1))
    return np.stack([np.interp(at, along, points[:, axis]) for axis in range(3)], axis=1)
