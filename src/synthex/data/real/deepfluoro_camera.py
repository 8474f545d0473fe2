"""Cameras of the DeepFluoro data set as ours.

**Theirs** (facts 4.5): origin at the source, +x along increasing columns, +y along increasing rows, +z from the
detector towards the source, so that what is seen lies at z < 0; world is the volume's LPS in mm once
``cam-to-<bone>-vol`` is undone; a pixel is ``K p`` divided by its third component, (column, row), pixel centres at
integers. **Ours**: +z towards the detector, RAS, pixel centres at +0.5.

With ``p' = D p``, D half a turn about x or y (it turns z around and stays a rotation), a pixel is
``-K inv(D) p'`` divided by the third component of ``p'``; half a pixel is then added.
"""

from dataclasses import replace

import numpy as np

from synthex.core import Camera, Rigid
from synthex.core.arrays import Matrix3, Matrix4

ROTATION_TOLERANCE = 1e-3
"""Poses in a file are rotations up to the rounding of their numbers; what deviates by more is damaged (our choice)."""

_LPS_FROM_RAS = Rigid(np.diag((-1.0, -1.0, 1.0, 1.0)))


def rigid_of(matrix: Matrix4) -> Rigid:
    """The nearest proper rotation, with the translation, to a matrix that is one but for rounding.

    Raises:
        ValueError: It is none.
    """
    left, _, right = np.linalg.svd(matrix[:3, :3])
    rotation = left @ right
    off = max(np.abs(rotation - matrix[:3, :3]).max(), np.abs(matrix[3] - (0, 0, 0, 1)).max())
    if off > ROTATION_TOLERANCE or np.linalg.det(rotation) < 0:
        raise ValueError("is no rotation and translation")
    return Rigid.from_parts(rotation, matrix[:3, 3])


def camera_of(
    intrinsic: Matrix3, extrinsic: Matrix4, cam_to_volume: Matrix4, height: int, width: int, pixel_mm: float
) -> Camera:
    """The camera of a projection; it projects RAS points of the bone's volume into the whole detector's image.

    Args:
        intrinsic: ``proj-params/intrinsic``, 3 x 3.
        extrinsic: ``proj-params/extrinsic``, 4 x 4, their world to their camera.
        cam_to_volume: ``gt-poses/cam-to-<bone>-vol``, 4 x 4, their world to the volume's LPS.
        height: Rows of the detector.
        width: Columns.
        pixel_mm: Pixel pitch on the detector in mm.

    Raises:
        ValueError: A matrix is not what it should be.
    """
    if abs(intrinsic[0, 0] * intrinsic[1, 1]) < 1e-9 or not np.allclose(intrinsic[2], (0, 0, 1), atol=1e-6):
        raise ValueError("the intrinsic matrix is no camera's")
    # Our fy is positive: of the two half turns the one that makes it so.
    turn = np.diag((-1.0, 1.0, -1.0) if intrinsic[1, 1] < 0 else (1.0, -1.0, -1.0))
    half = np.array(((1.0, 0.0, 0.5), (0.0, 1.0, 0.5), (0.0, 0.0, 1.0)))
    theirs_from_ras = rigid_of(extrinsic) @ rigid_of(cam_to_volume).inverse() @ _LPS_FROM_RAS
    camera_from_ras = Rigid((Rigid.from_parts(turn, (0, 0, 0)) @ theirs_from_ras).matrix)
    return Camera(half @ (-intrinsic @ turn), camera_from_ras, height, width, pixel_mm)


def upright_camera(camera: Camera, border: int, turned: bool, factor: int) -> Camera:
    """The camera after the picture was cut, turned by 180 degrees and reduced, in this order.

    Args:
        camera: Of the whole detector.
        border: Pixels cut on every side.
        turned: Whether the picture is turned.
        factor: By which it is reduced; rows and columns left over at the bottom and right are cut.
    """
    height, width = camera.height - 2 * border, camera.width - 2 * border
    intrinsics = camera.intrinsics - border * np.array(((0, 0, 1), (0, 0, 1), (0, 0, 0)))
    pose = camera.camera_from_world
    if turned:
        # Columns and rows count from the other corner; half a turn about z makes fy positive again.
        flip = np.array(((-1.0, 0.0, width), (0.0, -1.0, height), (0.0, 0.0, 1.0)))
        about_z = np.diag((-1.0, -1.0, 1.0))
        intrinsics = flip @ intrinsics @ about_z
        pose = Rigid((Rigid.from_parts(about_z, (0, 0, 0)) @ pose).matrix)
    rows, columns = height // factor, width // factor
    scaled = np.diag((1 / factor, 1 / factor, 1.0)) @ intrinsics
    return replace(
        camera,
        intrinsics=scaled,
        camera_from_world=pose,
        height=rows,
        width=columns,
        pixel_mm=camera.pixel_mm * factor,
    )
