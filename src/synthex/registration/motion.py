"""Small motions of a body in the world, and the cameras that see it so."""

from dataclasses import replace

import numpy as np
from scipy.spatial.transform import Rotation

from synthex.core import Camera, Rigid
from synthex.core.arrays import Point3


def motion(parameters: np.ndarray, pivot_world: Point3) -> Rigid:
    """The motion that takes x to ``pivot + R(omega) (x - pivot) + t``.

    Args:
        parameters: Rotation vector omega in radians, then t in mm; (6,).
        pivot_world: RAS mm.
    """
    turn = Rotation.from_rotvec(parameters[:3]).as_matrix()
    return Rigid.from_parts(turn, pivot_world - turn @ pivot_world + parameters[3:6])


def moved(camera: Camera, body: Rigid) -> Camera:
    """The camera as it stands to a body that was moved: ``camera_from_world @ body``, kept a rotation."""
    pose = (camera.camera_from_world.matrix @ body.matrix).copy()
    left, _, right = np.linalg.svd(pose[:3, :3])
    pose[:3, :3] = left @ right
    return replace(camera, camera_from_world=Rigid(pose))


def refocused(camera: Camera, log_focal: float, shift_px: np.ndarray) -> Camera:
    """The camera with its focal length times ``exp(log_focal)`` and its principal point moved by (column, row)."""
    intrinsics = camera.intrinsics.copy()
    intrinsics[:2, :2] *= np.exp(log_focal)
    intrinsics[:2, 2] += shift_px
    return replace(camera, intrinsics=intrinsics)
